package propagation

import (
	"slices"
	"strings"

	"bookservice/tracer/internal/rfc9110"
	"bookservice/tracer/internal/spancontext"
)

// A BaggagePolicy limits the baggage items that are extracted, set and injected.
type BaggagePolicy struct {
	Allow    []string // keys, in any case; empty allows all
	MaxItems int
	MaxBytes int // of the header
}

func (b *BaggagePolicy) allows(key string) bool {
	return len(b.Allow) == 0 ||
		slices.ContainsFunc(b.Allow, func(k string) bool { return strings.EqualFold(k, key) })
}

// SetBaggage returns a copy of from, which may be nil, in which the item with this key has the
// value. The members of all other items stay as they are in the header. It reports false if the
// policy refuses the item.
func (p *Propagator) SetBaggage(
	from *spancontext.Propagated, key, value string,
) (with *spancontext.Propagated, ok bool) {
	if from == nil {
		from = &spancontext.Propagated{}
	}
	with = &spancontext.Propagated{Tracestate: from.Tracestate}
	isKey := func(i spancontext.BaggageItem) bool { return i.Key == key }
	header := from.Header
	if slices.ContainsFunc(from.Baggage, isKey) {
		header = withoutKey(header, key)
	}
	value = validUTF8(value)
	if with.Header, ok = p.baggage.appendItem(header, key, value); !ok {
		p.dropped.Add(1)
		return nil, false
	}
	with.Baggage = make([]spancontext.BaggageItem, 0, len(from.Baggage)+1)
	for _, item := range from.Baggage {
		if item.Key != key {
			with.Baggage = append(with.Baggage, item)
		}
	}
	with.Baggage = append(with.Baggage, spancontext.BaggageItem{Key: key, Value: value})
	return with, true
}

// appendItem returns the header with a further member, unless the policy refuses it.
func (b *BaggagePolicy) appendItem(header, key, value string) (string, bool) {
	size := len(header) + len(key) + len(value) + len(",=") // at least
	if !b.allows(key) || !rfc9110.IsToken(key) || size > b.MaxBytes+len(",") ||
		countMembers(header) >= b.MaxItems {
		return "", false
	}
	with, ok := appendMember(append(make([]byte, 0, size+64), header...), key, value, b.MaxBytes)
	return string(with), ok
}

// countMembers returns the number of members of a well-formed header.
func countMembers(header string) int {
	if header == "" {
		return 0
	}
	return strings.Count(header, ",") + 1
}

// withoutKey returns a well-formed header without the members that have this key.
func withoutKey(header, key string) string {
	var b strings.Builder
	for member := range strings.SplitSeq(header, ",") {
		member = trimOWS(member)
		if k, ok := memberKey(member); ok && k == key {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(member)
	}
	return b.String()
}

// readBaggage reads the W3C header, then those headers of other tracers whose keys the W3C header
// does not have.
func (e *extractor) readBaggage() (items []spancontext.BaggageItem, header string) {
	exact := e.readMembers()
	added := e.addForeignItems()
	switch {
	case exact && !added:
		header = e.own(trimOWS(e.baggage.values[0]))
	case len(e.buf) > 0:
		header = string(e.buf)
	default:
		return nil, ""
	}
	return parseItems(header, len(e.keys)), header
}

// readMembers appends the well-formed members that the policy allows to the scratch header, and
// their keys to keys. It reports whether the header can be passed on as it was received: it is one
// value, all members of which are passed on, within the limits and without tabs, which HTTP allows
// and gRPC rejects.
func (e *extractor) readMembers() (exact bool) {
	values, limit := e.baggage.values, e.policy
	if len(values) == 0 {
		return false
	}
	exact = len(values) == 1 && len(values[0]) <= maxListBytes &&
		strings.IndexByte(trimOWS(values[0]), '\t') < 0
	wellFormed := true
	c := e.baggage.members()
	for member, more := c.next(); more; member, more = c.next() {
		key, ok := memberKey(member)
		switch {
		case member == "": // allowed by HTTP for every list, though not by W3C
			exact = false
			continue
		case len(e.keys) == limit.MaxItems:
			e.dropped += 1 + c.skip()
			ok = false
		case !ok:
			wellFormed = false
		case !limit.allows(key):
			e.dropped++
			ok = false
		default:
			if ok = e.appendReceived(member); ok {
				e.keys = append(e.keys, key)
			} else {
				e.dropped++
			}
		}
		exact = exact && ok
	}
	if !wellFormed {
		e.malformed++
	}
	if c.cut || e.baggage.cut {
		e.dropped++
		exact = false
	}
	return exact && len(e.keys) > 0 && len(trimOWS(values[0])) <= limit.MaxBytes
}

// appendReceived appends a member as it was received. A member with tabs is appended without any
// white space: keys and values contain none, so all of it is optional. It reports false if the
// member does not fit.
func (e *extractor) appendReceived(member string) bool {
	at := len(e.buf)
	if at > 0 {
		e.buf = append(e.buf, ',')
	}
	if strings.IndexByte(member, '\t') < 0 {
		e.buf = append(e.buf, member...)
	} else {
		for i := range len(member) {
			if c := member[i]; c != ' ' && c != '\t' {
				e.buf = append(e.buf, c)
			}
		}
	}
	if len(e.buf) > e.policy.MaxBytes {
		e.buf = e.buf[:at]
		return false
	}
	return true
}

// parseItems returns the items of a well-formed header of n members. Of members with the same key
// the last one counts.
func parseItems(header string, n int) []spancontext.BaggageItem {
	items := make([]spancontext.BaggageItem, 0, n)
	for member := range strings.SplitSeq(header, ",") {
		pair, _, _ := strings.Cut(member, ";")
		key, value, _ := strings.Cut(pair, "=")
		item := spancontext.BaggageItem{Key: trimOWS(key), Value: decodeValue(trimOWS(value))}
		isKey := func(i spancontext.BaggageItem) bool { return i.Key == item.Key }
		if i := slices.IndexFunc(items, isKey); i >= 0 {
			items[i] = item
		} else {
			items = append(items, item)
		}
	}
	return items
}

// memberKey returns the key of a well-formed member: {key}={value}, followed by properties that are
// separated by semicolons. White space may surround each part.
func memberKey(member string) (key string, ok bool) {
	pair, properties, more := strings.Cut(member, ";")
	key, value, ok := strings.Cut(pair, "=")
	key = trimOWS(key)
	if !ok || !rfc9110.IsToken(key) || !isBaggageValue(trimOWS(value)) {
		return "", false
	}
	for more {
		var property string
		property, properties, more = strings.Cut(properties, ";")
		name, value, _ := strings.Cut(property, "=")
		if !rfc9110.IsToken(trimOWS(name)) || !isBaggageValue(trimOWS(value)) {
			return "", false
		}
	}
	return key, true
}
