package tracer

import (
	"flag"
	"fmt"
	"math"
)

// The samplers that configuration can ask for. All of them respect what the caller has decided for a trace; they decide
// for traces that begin here, and for those that come in undecided.
const (
	SamplerAlways      = "always"      // every trace
	SamplerNever       = "never"       // no trace
	SamplerProbability = "probability" // the share Config.Sample of all traces, by their ids: every service agrees on which
	SamplerRateLimited = "ratelimited" // SamplerConfig.Rate traces a second
	SamplerParent      = "parent"      // what the caller has decided to record, and nothing else
)

// SamplerConfig says which traces are recorded. The tag sampling.priority, set on a span when it is started, goes before
// all of it.
type SamplerConfig struct {
	// Kind is one of the samplers above.
	Kind string
	// Rate is how many new traces a second the sampler "ratelimited" accepts, above 0, in each process for itself. As many
	// as one second has (rounded up) may come at once, after a second without any.
	Rate float64
	// Operations gives operations a sampler of their own: name=sampler pairs separated by commas, where a name that ends
	// in * stands for all that begin so, and a sampler is always, never, a share like 0.1 or a rate like 10/s. An exact
	// name goes first, then the longest beginning. It counts where a decision is made: for the first span of a trace, or,
	// with IgnoreParent, of the trace's part in this process.
	Operations string
	// IgnoreParent decides anew for traces that come in from other processes, as if they began here. A trace that
	// somebody wants debugged (B3's debug flag) is recorded all the same, and the sampler "parent" has nothing but the
	// parent to go by.
	IgnoreParent bool
}

func (s *SamplerConfig) registerFlags(fs *flag.FlagSet) {
	fs.StringVar(&s.Kind, "sampler", s.Kind, "which new traces are recorded: always, never, probability, ratelimited or parent")
	fs.Float64Var(&s.Rate, "sample-rate", s.Rate, "new traces a second that -sampler ratelimited records")
	fs.StringVar(&s.Operations, "sample-operations", s.Operations,
		"operations with a sampler of their own: name=always, =never, =0.1 or =10/s, with commas; name* for all that begin so")
	fs.BoolVar(&s.IgnoreParent, "sample-ignore-parent", s.IgnoreParent, "decide anew for traces that come in with a decision")
}

func (s SamplerConfig) validate() error {
	switch s.Kind {
	case SamplerAlways, SamplerNever, SamplerProbability, SamplerRateLimited, SamplerParent:
	default:
		return fmt.Errorf("sampler %q: must be always, never, probability, ratelimited or parent", s.Kind)
	}
	if !(s.Rate > 0) || math.IsInf(s.Rate, 0) {
		return fmt.Errorf("sample-rate %v: must be more than 0", s.Rate)
	}
	_, err := parseOverrides(s.Operations)
	return err
}

// fallback returns the sampler of the operations without one of their own.
func (s SamplerConfig) fallback(share float64) sampler {
	switch s.Kind {
	case SamplerAlways:
		return constant(accept)
	case SamplerProbability:
		return newProbability(share)
	case SamplerRateLimited:
		return newRateLimited(s.Rate)
	}
	return constant(deny)
}

// ignoresParent is false for the sampler "parent": OTEL_TRACES_SAMPLER may have set IgnoreParent, and a flag the sampler.
func (s SamplerConfig) ignoresParent() bool { return s.IgnoreParent && s.Kind != SamplerParent }
