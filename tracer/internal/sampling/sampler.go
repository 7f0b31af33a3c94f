// Package sampling decides which traces are recorded.
package sampling

import (
	"math"

	"golang.org/x/time/rate"

	"bookservice/tracer/internal/spancontext"
)

// A Sampler decides whether a new trace is recorded. Sample may be called concurrently, at every
// span that begins a trace, and allocates nothing. traceLo is the lower half of the trace id.
type Sampler interface {
	Sample(traceLo uint64) spancontext.Decision
}

// Constant is a sampler that makes the same decision for every trace.
type Constant spancontext.Decision

// Sample implements [Sampler].
func (c Constant) Sample(uint64) spancontext.Decision { return spancontext.Decision(c) }

// probability decides by trace id, so that all services with the same share agree on a trace. It
// compares as OpenTelemetry's TraceIdRatioBased sampler does (bits 1 to 63 of the id with the share
// of 2^63), so that services with either tracer agree too. An id of 64 bits is treated as the lower
// half of an id of 128.
type probability struct{ bound uint64 }

// Probability returns a sampler that accepts a share of all traces, 0 to 1.
func Probability(share float64) Sampler {
	switch {
	case share >= 1:
		return Constant(spancontext.Accept)
	case share <= 0:
		return Constant(spancontext.Deny)
	}
	return probability{uint64(share * (1 << 63))}
}

func (p probability) Sample(traceLo uint64) spancontext.Decision {
	if traceLo>>1 < p.bound {
		return spancontext.Accept
	}
	return spancontext.Deny
}

type rateLimited struct{ limiter *rate.Limiter }

// RateLimited returns a sampler that accepts a number of traces a second, above 0. After an idle
// second it accepts as many at once, and at least one.
func RateLimited(perSecond float64) Sampler {
	burst := max(1, int(math.Ceil(min(perSecond, math.MaxInt32))))
	return rateLimited{rate.NewLimiter(rate.Limit(perSecond), burst)}
}

func (r rateLimited) Sample(uint64) spancontext.Decision {
	if r.limiter.Allow() {
		return spancontext.Accept
	}
	return spancontext.Deny
}
