package tracer

import (
	"slices"
	"strings"
)

const (
	// maxTracestateMembers is W3C's limit: a list with more is malformed.
	maxTracestateMembers = 32
	// maxTracestate is how many bytes of tracestate are passed on. W3C asks for 512 at the least, and 32 members can have
	// 16 KiB; many servers take no more than 8 KiB of headers, and a trace is no reason to be refused.
	maxTracestate = 4 << 10
	// longMember is the length beyond which W3C wants members to be left out first.
	longMember = 128
)

// tracestate returns the header that goes with the context's traceparent. It is passed on as it came in, but for this:
// traceparent has no way to ask for debug, so where none of the formats that have one is injected beside it, the state
// gets the member b3, which B3 has reserved for that.
func (p *propagation) tracestate(c *SpanContext) string {
	state := ""
	if c.carried != nil {
		state = c.carried.tracestate
	}
	if c.decision != debug || p.formats != formatW3C {
		return state
	}
	members := []string{string(appendB3([]byte(headerB3+"="), &SpanContext{
		traceHi: c.traceHi, traceLo: c.traceLo, spanID: c.spanID, decision: debug}))}
	for member := range strings.SplitSeq(state, ",") {
		if member = trimOWS(member); member != "" && !strings.HasPrefix(member, headerB3+"=") {
			members = append(members, member)
		}
	}
	return strings.Join(cutTracestate(members), ",")
}

// saysDebug reports whether the member b3 asks for debug in the trace of c.
func saysDebug(state string, c *SpanContext) bool {
	for member := range strings.SplitSeq(state, ",") {
		if value, ok := strings.CutPrefix(trimOWS(member), headerB3+"="); ok {
			said, ok := parseB3(value)
			return ok && said.decision == debug && said.sameTrace(c)
		}
	}
	return false
}

// readTracestate returns the state that is passed on: as it came, or nothing if any of it is malformed. It is put together
// anew only if it is too long, or has tabs, which HTTP allows and gRPC refuses.
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
	return strings.Join(cutTracestate(members), ",")
}

// splitTracestate appends the members to list and reports whether the state is well formed: each member a key and a value,
// no key twice. Empty members are allowed, and left out.
func splitTracestate(list []string, state string) ([]string, bool) {
	for member := range strings.SplitSeq(state, ",") {
		if member = trimOWS(member); member == "" {
			continue
		}
		key, value, _ := strings.Cut(member, "=")
		if len(list) == maxTracestateMembers || !validStateKey(key) || !validStateValue(value) || hasKey(list, key) {
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

// validStateKey allows W3C's simple keys of up to 256 characters, and {tenant}@{system} of up to 241 and 14. A simple key
// may begin with a digit, as in level 2 of the specification.
func validStateKey(key string) bool {
	tenant, system, multi := strings.Cut(key, "@")
	if !multi {
		return len(key) <= 256 && stateKeyPart(key)
	}
	return len(tenant) <= 241 && stateKeyPart(tenant) &&
		len(system) <= 14 && stateKeyPart(system) && 'a' <= system[0] && system[0] <= 'z'
}

func stateKeyPart(s string) bool {
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

// validStateValue allows 1 to 256 printable characters of ASCII but the comma and the equals sign. That the last is no space
// is seen to: members are trimmed.
func validStateValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == ',' || c == '=' {
			return false
		}
	}
	return s != "" && len(s) <= 256
}

// cutTracestate leaves whole members out until the limits are kept: those that are too many, then long ones, then any, each
// from the end, where the oldest are.
func cutTracestate(members []string) []string {
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
