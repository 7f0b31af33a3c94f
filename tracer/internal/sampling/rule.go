package sampling

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"bookservice/tracer/internal/spancontext"
)

// Samplers that a rule can name, beside a share like 0.1 and a rate like 10/s.
const (
	Always = "always"
	Never  = "never"
)

// A Rule gives one operation, or all operations with a common prefix, a sampler.
type Rule struct {
	name    string
	prefix  bool
	sampler Sampler
}

// A RuleError describes an entry that [ParseRules] rejects.
type RuleError struct {
	Entry   string // as it was given
	Problem string // what it must be
}

// Error returns the entry and what it must be.
func (e *RuleError) Error() string { return strconv.Quote(e.Entry) + ": " + e.Problem }

// ParseRules reads name=sampler entries. The last equals sign separates, because names may contain
// some; a name that ends in * is a prefix. The error is a [*RuleError].
func ParseRules(entries []string) ([]Rule, error) {
	var rules []Rule
	for _, entry := range entries {
		r, ok := parseRule(entry)
		if !ok {
			return nil, &RuleError{entry, "must be operation=always, =never, " +
				"=0.1 (a share, 0 to 1) or =10/s (traces a second)"}
		}
		same := func(o Rule) bool { return o.name == r.name && o.prefix == r.prefix }
		if slices.ContainsFunc(rules, same) {
			return nil, &RuleError{entry, "must be the only entry for its operation"}
		}
		rules = append(rules, r)
	}
	return rules, nil
}

func parseRule(entry string) (r Rule, ok bool) {
	at := strings.LastIndexByte(entry, '=')
	if at < 0 {
		return r, false
	}
	r.name, r.prefix = strings.CutSuffix(strings.TrimSpace(entry[:at]), "*")
	r.sampler, ok = parseSampler(strings.TrimSpace(entry[at+1:]))
	return r, ok && (r.name != "" || r.prefix)
}

func parseSampler(text string) (Sampler, bool) {
	switch text {
	case Always:
		return Constant(spancontext.Accept), true
	case Never:
		return Constant(spancontext.Deny), true
	}
	number, perSecond := strings.CutSuffix(text, "/s")
	v, err := strconv.ParseFloat(number, 64)
	switch {
	case err != nil || !(v >= 0) || math.IsInf(v, 0):
		return nil, false
	case perSecond:
		return RateLimited(v), v > 0
	}
	return Probability(v), v <= 1
}
