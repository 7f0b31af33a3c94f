package tracer

// A sampler decides by trace id, so that every service with the same share decides alike for the same trace.
// The comparison is that of OpenTelemetry's TraceIdRatioBased sampler (the low 63 of the id's bits against the
// share of 2^63), so that services of either kind agree too.
type sampler struct{ bound uint64 }

func newSampler(share float64) sampler {
	if share >= 1 {
		return sampler{1 << 63}
	}
	return sampler{uint64(share * (1 << 63))}
}

func (s sampler) sample(traceLo uint64) decision {
	if traceLo>>1 < s.bound {
		return accept
	}
	return deny
}
