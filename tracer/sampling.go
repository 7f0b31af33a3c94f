package tracer

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// sampling decides for the spans of one recorder. It is read only.
type sampling struct {
	fallback     sampler
	exact        map[string]sampler
	prefixes     []override // the longest first
	ignoreParent bool
}

// An override is the sampler of the operation with this name, or of those that begin with it.
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
	s := sampling{fallback: c.Sampler.fallback(c.Sample), exact: map[string]sampler{}, ignoreParent: c.Sampler.ignoresParent()}
	for _, o := range overrides {
		if o.prefix {
			s.prefixes = append(s.prefixes, o)
		} else {
			s.exact[o.name] = o.sampler
		}
	}
	slices.SortFunc(s.prefixes, func(a, b override) int { return cmp.Compare(len(b.name), len(a.name)) })
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

// parseOverrides reads name=sampler pairs, separated by commas. The last = counts: names may have some too.
func parseOverrides(text string) ([]override, error) {
	var all []override
	for _, entry := range splitList(text) {
		at := strings.LastIndexByte(entry, '=')
		if at < 0 {
			return nil, overrideError(entry)
		}
		name, prefix := strings.CutSuffix(strings.TrimSpace(entry[:at]), "*")
		chosen, ok := parseSampler(strings.TrimSpace(entry[at+1:]))
		if !ok || name == "" && !prefix {
			return nil, overrideError(entry)
		}
		if slices.ContainsFunc(all, func(o override) bool { return o.name == name && o.prefix == prefix }) {
			return nil, fmt.Errorf("sample-operations: entry %q: %s has a sampler already: must be there once", entry, strings.TrimSpace(entry[:at]))
		}
		all = append(all, override{name, prefix, chosen})
	}
	return all, nil
}

func overrideError(entry string) error {
	return fmt.Errorf("sample-operations: entry %q: must be operation=always, =never, =0.1 (a share, 0 to 1) or =10/s (traces a second)", entry)
}

func parseSampler(text string) (sampler, bool) {
	switch text {
	case SamplerAlways:
		return constant(accept), true
	case SamplerNever:
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
