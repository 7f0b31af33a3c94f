package propagation

import (
	"slices"
	"strings"

	"bookservice/tracer/internal/spancontext"
)

const (
	// maxTracestateMembers is W3C's limit; a longer list is malformed.
	maxTracestateMembers = 32
	// maxTracestate is the limit in bytes for a tracestate that is passed on. W3C requires at least
	// 512, and 32 members can have 16 KiB; many servers accept only 8 KiB of headers in total.
	maxTracestate = 4 << 10
	// longMember is the length above which W3C asks to drop members first.
	longMember = 128
)

// tracestate returns the header for the traceparent of c. It is passed on as received, with one
// exception. traceparent cannot express debug; if w3cOnly is true, no other header can, and the
// member b3, which B3 reserves for this, is set.
func tracestate(c *spancontext.Context, w3cOnly bool) string {
	state := c.Tracestate()
	if c.Decision != spancontext.Debug || !w3cOnly {
		return state
	}
	debug := spancontext.Context{
		TraceHi: c.TraceHi, TraceLo: c.TraceLo, ID: c.ID, Decision: spancontext.Debug,
	}
	members := []string{string(appendB3([]byte(headerB3+"="), &debug))}
	for member := range strings.SplitSeq(state, ",") {
		if member = trimOWS(member); member != "" && !strings.HasPrefix(member, headerB3+"=") {
			members = append(members, member)
		}
	}
	return strings.Join(truncateTracestate(members), ",")
}

// hasDebugMember reports whether the member b3 of state asks for debug in the trace of c.
func hasDebugMember(state string, c *spancontext.Context) bool {
	for member := range strings.SplitSeq(state, ",") {
		if value, ok := strings.CutPrefix(trimOWS(member), headerB3+"="); ok {
			b3, _, ok := parseB3(value)
			return ok && b3.Decision == spancontext.Debug && b3.SameTrace(c)
		}
	}
	return false
}

// readTracestate returns the state to pass on: as received, if it is one header. It is reassembled
// from its members if it is too long, has tabs, which HTTP allows and gRPC rejects, or has members
// to leave out: malformed ones, and those that repeat the key of an earlier one (W3C Trace Context
// level 2, sections 3.5 and 4.3). A state with more than 32 other members, or more than 32 to leave
// out, is dropped.
func (e *extractor) readTracestate() string {
	var room [maxTracestateMembers + 1]string
	members, omitted := room[:0], 0
	c := e.tracestate.members()
	for member, more := c.next(); more; member, more = c.next() {
		key, value, _ := strings.Cut(member, "=")
		switch {
		case member == "": // allowed
		case !validStateKey(key) || !validStateValue(value) || hasKey(members, key):
			omitted++
		default:
			members = append(members, member)
		}
		if max(len(members), omitted) > maxTracestateMembers {
			e.malformed++
			return ""
		}
	}
	ok := omitted == 0 && !c.cut && !e.tracestate.cut
	if !ok {
		e.malformed++
	}
	if len(members) == 0 {
		return ""
	}
	state := trimOWS(e.tracestate.values[0])
	if ok && len(e.tracestate.values) == 1 && len(state) <= maxTracestate &&
		strings.IndexByte(state, '\t') < 0 {
		return e.own(state)
	}
	return strings.Join(truncateTracestate(members), ",")
}

// own returns a string that does not keep a larger one in memory.
func (e *extractor) own(s string) string {
	if e.source == sourceBinary {
		return strings.Clone(s)
	}
	return s
}

func hasKey(members []string, key string) bool {
	for _, m := range members {
		if len(m) > len(key) && m[len(key)] == '=' && m[:len(key)] == key {
			return true
		}
	}
	return false
}

// validStateKey accepts the keys of level 2: up to 256 characters that begin with a letter or a
// digit.
func validStateKey(key string) bool {
	for i := range len(key) {
		c := key[i]
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case i > 0 && (c == '_' || c == '-' || c == '*' || c == '/' || c == '@'):
		default:
			return false
		}
	}
	return key != "" && len(key) <= 256
}

// validStateValue accepts 1 to 256 printable ASCII characters except comma and equals sign. Members
// are trimmed before, so the last character is no space.
func validStateValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == ',' || c == '=' {
			return false
		}
	}
	return s != "" && len(s) <= 256
}

// truncateTracestate drops whole members until the limits hold: first those beyond the maximum
// number, then long ones, then any. It drops from the end, where the oldest members are.
func truncateTracestate(members []string) []string {
	members = members[:min(len(members), maxTracestateMembers)]
	size := len(members) - 1
	for _, m := range members {
		size += len(m)
	}
	for _, longer := range []int{longMember, 0} {
		for i := len(members) - 1; i >= 0 && size > maxTracestate; i-- {
			if len(members[i]) > longer {
				size -= len(members[i]) + 1
				members = slices.Delete(members, i, i+1)
			}
		}
	}
	return members
}
