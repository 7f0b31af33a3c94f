package tracer

import (
	"errors"
	"flag"
	"math"

	"bookservice/tracer/internal/sampling"
	"bookservice/tracer/internal/settings"
	"bookservice/tracer/internal/spancontext"
)

// Samplers. Each keeps the caller's decision, if there is one; it decides for traces that begin
// here and for traces that arrive undecided.
const (
	SamplerAlways      = "always"      // record every trace
	SamplerNever       = "never"       // record no trace
	SamplerProbability = "probability" // record the share Config.Sample, by trace id
	SamplerRateLimited = "ratelimited" // record SamplerConfig.Rate traces a second
	SamplerParent      = "parent"      // record only what the caller records
)

// SamplerConfig says which traces are recorded. A tag sampling.priority that is given when a span
// starts takes precedence.
type SamplerConfig struct {
	// Kind is one of the samplers above.
	Kind string
	// Rate is the number of new traces a second that [SamplerRateLimited] accepts in this process,
	// above 0. After an idle second it accepts as many at once, rounded up.
	Rate float64
	// Operations gives operations their own samplers: comma-separated name=sampler pairs. A name
	// that ends in * is a prefix. A sampler is always, never, a share like 0.1 or a rate like 10/s.
	// An exact name takes precedence, then the longest prefix. It applies where a decision is made:
	// to the first span of a trace or, with IgnoreParent, of the trace's part in this process.
	Operations string
	// IgnoreParent decides anew for traces from other processes. Exceptions are traces with B3's
	// debug flag, which are recorded, and [SamplerParent], which has nothing else to decide by.
	IgnoreParent bool
}

func (s *SamplerConfig) defineFlags(fs *flag.FlagSet) {
	fs.StringVar(&s.Kind, "sampler", s.Kind,
		"which new traces to record: always, never, probability, ratelimited or parent")
	fs.Float64Var(&s.Rate, "sample-rate", s.Rate,
		"new traces a second that -sampler ratelimited records")
	fs.StringVar(&s.Operations, "sample-operations", s.Operations,
		"samplers of single operations: a list of name=always, name=never, name=0.1 (a share) "+
			"or name=10/s (traces a second); name* matches names that begin with name")
	fs.BoolVar(&s.IgnoreParent, "sample-ignore-parent", s.IgnoreParent,
		"decide anew for traces from other processes")
}

func (s *SamplerConfig) check(flags settings.Prefix) error {
	switch s.Kind {
	case SamplerAlways, SamplerNever, SamplerProbability, SamplerRateLimited, SamplerParent:
	default:
		return flags.Invalid("sampler", s.Kind,
			"must be one of always, never, parent, probability, ratelimited")
	}
	if !(s.Rate > 0) || math.IsInf(s.Rate, 0) {
		return flags.Invalid("sample-rate", s.Rate, "must be more than 0")
	}
	_, err := sampling.ParseRules(settings.SplitList(s.Operations))
	if rule, ok := errors.AsType[*sampling.RuleError](err); ok {
		return flags.Invalid("sample-operations", rule.Entry, rule.Problem)
	}
	return err
}

// decider returns the sampling of a valid configuration.
func (s *SamplerConfig) decider(share float64) (*sampling.Decider, error) {
	rules, err := sampling.ParseRules(settings.SplitList(s.Operations))
	// OTEL_TRACES_SAMPLER may have set IgnoreParent, and a flag the sampler.
	ignoreParent := s.IgnoreParent && s.Kind != SamplerParent
	return sampling.New(s.sampler(share), rules, ignoreParent), err
}

func (s *SamplerConfig) sampler(share float64) sampling.Sampler {
	switch s.Kind {
	case SamplerAlways:
		return sampling.Constant(spancontext.Accept)
	case SamplerProbability:
		return sampling.Probability(share)
	case SamplerRateLimited:
		return sampling.RateLimited(s.Rate)
	}
	return sampling.Constant(spancontext.Deny)
}
