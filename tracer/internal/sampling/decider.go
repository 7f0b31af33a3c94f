package sampling

import (
	"cmp"
	"slices"
	"strings"

	"bookservice/tracer/internal/spancontext"
)

// A Decider decides for the spans of one tracer. It is immutable; Decide may be called
// concurrently.
type Decider struct {
	fallback     Sampler
	exact        map[string]Sampler
	prefixes     []Rule // the longest name first
	ignoreParent bool
}

// New returns a Decider that uses fallback for operations without a rule. If ignoreParent is true,
// the decision of another process is disregarded, except debug.
func New(fallback Sampler, rules []Rule, ignoreParent bool) *Decider {
	d := &Decider{fallback: fallback, exact: map[string]Sampler{}, ignoreParent: ignoreParent}
	for _, r := range rules {
		if r.prefix {
			d.prefixes = append(d.prefixes, r)
		} else {
			d.exact[r.name] = r.sampler
		}
	}
	slices.SortFunc(d.prefixes, func(a, b Rule) int {
		return cmp.Compare(len(b.name), len(a.name))
	})
	return d
}

// Decide returns the decision for a span with this operation name below parent, which may be nil.
func (d *Decider) Decide(
	parent *spancontext.Context, traceLo uint64, operation string,
) spancontext.Decision {
	if parent != nil && parent.Decision != spancontext.Undecided {
		if !d.ignoreParent || !parent.Remote || parent.Decision == spancontext.Debug {
			return parent.Decision
		}
	}
	return d.sampler(operation).Sample(traceLo)
}

func (d *Decider) sampler(operation string) Sampler {
	if len(d.exact) > 0 {
		if found := d.exact[operation]; found != nil {
			return found
		}
	}
	for _, r := range d.prefixes {
		if strings.HasPrefix(operation, r.name) {
			return r.sampler
		}
	}
	return d.fallback
}
