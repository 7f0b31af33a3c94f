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
			b3, ok := parseB3(value)
			return ok && b3.Decision == spancontext.Debug && b3.SameTrace(c)
		}
	}
	return false
}

// readTracestate returns the state to pass on: as received, or "" if any part of it is malformed.
// It is reassembled only if it is too long, or has tabs, which HTTP allows and gRPC rejects.
func (e *extractor) readTracestate() string {
	state := strings.Join(e.tracestate, ",")
	if state == "" {
		return ""
	}
	var room [maxTracestateMembers]string
	members, ok := splitTracestate(room[:0], state)
	switch {
	case !ok:
		e.malformed++
		return ""
	case len(state) <= maxTracestate && strings.IndexByte(state, '\t') < 0:
		return state
	}
	return strings.Join(truncateTracestate(members), ",")
}

// splitTracestate appends the members of state to list. It reports whether the state is well
// formed: each member is a key and a value, and no key is repeated. Empty members are skipped.
func splitTracestate(list []string, state string) ([]string, bool) {
	for member := range strings.SplitSeq(state, ",") {
		if member = trimOWS(member); member == "" {
			continue
		}
		key, value, _ := strings.Cut(member, "=")
		if len(list) == maxTracestateMembers || !validStateKey(key) || !validStateValue(value) ||
			hasKey(list, key) {
			return nil, false
		}
		list = append(list, member)
	}
	return list, true
}

func hasKey(members []string, key string) bool {
	for _, m := range members {
		if len(m) > len(key) && m[len(key)] == '=' && m[:len(key)] == key {
			return true
		}
	}
	return false
}

// validStateKey accepts W3C's simple keys of up to 256 characters, and {tenant}@{system} of up to
// 241 and 14. A simple key may begin with a digit, as in level 2 of the specification.
func validStateKey(key string) bool {
	tenant, system, multi := strings.Cut(key, "@")
	if !multi {
		return len(key) <= 256 && validStateKeyPart(key)
	}
	return len(tenant) <= 241 && validStateKeyPart(tenant) &&
		len(system) <= 14 && validStateKeyPart(system) && 'a' <= system[0] && system[0] <= 'z'
}

func validStateKeyPart(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case i > 0 && (c == '_' || c == '-' || c == '*' || c == '/'):
		default:
			return false
		}
	}
	return s != ""
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
