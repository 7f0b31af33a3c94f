package tracer

import (
	"math"

	"golang.org/x/time/rate"
)

// A sampler decides whether a new trace is recorded. It may be asked concurrently, at every span that begins a trace, and
// allocates nothing.
type sampler interface {
	sample(traceLo uint64) decision
}

// constant is the sampler that has made up its mind.
type constant decision

func (c constant) sample(uint64) decision { return decision(c) }

// probability decides by trace id, so that every service with the same share decides alike for the same trace. The
// comparison is that of OpenTelemetry's TraceIdRatioBased sampler (bits 1 to 63 of the id against the share of 2^63), so
// that services of either kind agree too. An id of 64 bits is judged as the long one that ends in it.
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
	return rateLimited{rate.NewLimiter(rate.Limit(perSecond), max(1, int(math.Ceil(min(perSecond, math.MaxInt32)))))}
}

func (r rateLimited) sample(uint64) decision {
	if r.limiter.Allow() {
		return accept
	}
	return deny
}
