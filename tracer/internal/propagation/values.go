package propagation

import "strings"

const (
	// maxValue is the limit in bytes for a header that has ids. The longest form has 75. A future
	// version of traceparent may append fields.
	maxValue = 512
	// maxListBytes is the limit in bytes for what is read of all values of a header that is a list:
	// the largest baggage that a configuration can allow. It is also the limit for the values of
	// all headers with one prefix.
	maxListBytes = 64 << 10
	// maxListValues is the limit for the number of values: the largest number of baggage items that
	// a configuration can allow.
	maxListValues = 1024
)

// A header may occur once.
type header struct {
	value      string
	unreadable bool // too long, or it occurred again with another value
}

func (h *header) set(value string) {
	if len(value) > maxValue {
		h.unreadable = true
		return
	}
	h.setRaw(trimOWS(value))
}

// setRaw is set for a binary value.
func (h *header) setRaw(value string) {
	switch {
	case value == "" || h.unreadable:
	case len(value) > maxValue || h.value != "" && value != h.value:
		h.unreadable = true
	default:
		h.value = value
	}
}

// isSet reports whether the header occurred with a value.
func (h *header) isSet() bool { return h.value != "" || h.unreadable }

// setFirst records the first value of a header of which later values do not count.
func setFirst(to *string, value string) {
	if *to == "" {
		*to = trimOWS(value[:min(len(value), maxListBytes)])
	}
}

// A list collects the values of a header that is a list and may be repeated. It keeps references to
// the values, up to the limits.
type list struct {
	values []string
	size   int
	cut    bool // values were left out
}

func (l *list) add(value string) {
	switch {
	case value == "":
	case l.size >= maxListBytes || len(l.values) == maxListValues:
		l.cut = true
	default:
		l.values = append(l.values, value)
		l.size += len(value) + 1
	}
}

func (l *list) cleared() list {
	clear(l.values)
	return list{values: l.values[:0]}
}

// members returns a cursor over the members of all values.
func (l *list) members() cursor { return cursor{values: l.values, left: maxListBytes} }

// A cursor iterates over the members of a list. It stops after maxListBytes.
type cursor struct {
	values []string
	rest   string // of the current value
	more   bool   // rest has another member, which may be empty
	left   int    // bytes that may still be read
	cut    bool   // the limit was reached
}

// next returns the next member without the white space around it.
func (c *cursor) next() (member string, ok bool) {
	if !c.more && !c.nextValue() {
		return "", false
	}
	member, c.rest, c.more = strings.Cut(c.rest, ",")
	if !c.more && c.cut {
		return "", false // the end of this member was not read
	}
	return trimOWS(member), true
}

func (c *cursor) nextValue() bool {
	if c.cut || len(c.values) == 0 {
		return false
	}
	c.rest, c.values, c.more = c.values[0], c.values[1:], true
	if len(c.rest) > c.left {
		c.rest, c.cut = c.rest[:c.left], true
	}
	c.left -= len(c.rest)
	return true
}

// skip returns the number of members that were not returned yet, and ends the iteration. Empty
// members count.
func (c *cursor) skip() (n uint64) {
	for c.more || c.nextValue() {
		n += uint64(strings.Count(c.rest, ",")) + 1
		c.more = false
	}
	return n
}

// trimOWS trims the optional white space of RFC 9110.
func trimOWS(s string) string { return strings.Trim(s, " \t") }
