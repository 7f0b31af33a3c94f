package tracer

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/time/rate"
)

// A sampler decides whether a new trace is recorded.
type sampler interface {
	sample(traceLo uint64) decision
}

// constant is the sampler that has made up its mind.
type constant decision

func (c constant) sample(uint64) decision { return decision(c) }

// probability decides by trace id, so that every service with the same share decides alike for the same trace. The
// comparison is that of OpenTelemetry's TraceIdRatioBased sampler (the low 63 of the id's bits against the share of 2^63),
// so that services of either kind agree too.
type probability struct{ bound uint64 }

func newProbability(share float64) sampler {
	switch {
	case share >= 1:
		return constant(accept)
	case share <= 0:
		return constant(deny)
	}
	return probability{uint64(share * (1 << 63))}
}

func (p probability) sample(traceLo uint64) decision {
	if traceLo>>1 < p.bound {
		return accept
	}
	return deny
}

// rateLimited accepts so many traces a second, and as many at once as a second has, one at the least.
type rateLimited struct{ limiter *rate.Limiter }

func newRateLimited(perSecond float64) sampler {
	return rateLimited{rate.NewLimiter(rate.Limit(perSecond), max(1, int(math.Ceil(perSecond))))}
}

func (r rateLimited) sample(uint64) decision {
	if r.limiter.Allow() {
		return accept
	}
	return deny
}

// sampling decides for the spans of one recorder. It is read only.
type sampling struct {
	fallback     sampler
	exact        map[string]sampler
	prefixes     []override // the longest first
	ignoreParent bool
}

// An override is the sampler of the operations with this name, or of those that begin with it.
type override struct {
	name    string
	prefix  bool
	sampler sampler
}

func newSampling(c Config) (sampling, error) {
	overrides, err := parseOverrides(c.Sampler.Operations)
	if err != nil {
		return sampling{}, err
	}
	s := sampling{fallback: c.Sampler.fallback(c.Sample), exact: map[string]sampler{}, ignoreParent: c.Sampler.IgnoreParent}
	for _, o := range overrides {
		if o.prefix {
			s.prefixes = append(s.prefixes, o)
		} else {
			s.exact[o.name] = o.sampler
		}
	}
	slices.SortStableFunc(s.prefixes, func(a, b override) int { return cmp.Compare(len(b.name), len(a.name)) })
	return s, nil
}

// decide returns the decision for a span below parent, which may be nil. A decision that is there stands, unless it is
// another process's and we are told not to mind it; even then somebody's wish to debug is obeyed.
func (s *sampling) decide(parent *SpanContext, traceLo uint64, operation string) decision {
	if parent != nil && parent.decision != undecided {
		if !s.ignoreParent || !parent.remote || parent.decision == debug {
			return parent.decision
		}
	}
	return s.of(operation).sample(traceLo)
}

// of returns the sampler of an operation.
func (s *sampling) of(operation string) sampler {
	if len(s.exact) > 0 {
		if found := s.exact[operation]; found != nil {
			return found
		}
	}
	for _, o := range s.prefixes {
		if strings.HasPrefix(operation, o.name) {
			return o.sampler
		}
	}
	return s.fallback
}

// parseOverrides reads operation=sampler pairs, separated by commas. The last = counts: names may have some too.
func parseOverrides(text string) ([]override, error) {
	var all []override
	for entry := range strings.SplitSeq(text, ",") {
		entry = strings.TrimSpace(entry)
		if entry == "" {
			continue
		}
		at := strings.LastIndexByte(entry, '=')
		if at < 1 {
			return nil, overrideError(entry)
		}
		chosen, ok := parseSampler(entry[at+1:])
		if !ok {
			return nil, overrideError(entry)
		}
		name, prefix := strings.CutSuffix(entry[:at], "*")
		all = append(all, override{name, prefix, chosen})
	}
	return all, nil
}

func overrideError(entry string) error {
	return fmt.Errorf("sample-operations: entry %q: must be operation=always, =never, =0.1 (a share, 0 to 1) or =10/s (traces a second)", entry)
}

func parseSampler(text string) (sampler, bool) {
	switch text {
	case "always":
		return constant(accept), true
	case "never":
		return constant(deny), true
	}
	number, perSecond := strings.CutSuffix(text, "/s")
	v, err := strconv.ParseFloat(number, 64)
	switch {
	case err != nil || !(v >= 0) || math.IsInf(v, 0):
		return nil, false
	case perSecond:
		return newRateLimited(v), v > 0
	}
	return newProbability(v), v <= 1
}
