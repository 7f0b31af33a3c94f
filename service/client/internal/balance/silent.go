package balance

import (
	"math/rand/v2"
	"slices"
	"time"
)

const (
	// An endpoint is silent if calls have had no answer for silentFactor times its latency, and for
	// minSilence at least. maxSilence is enough at any latency. A failure within minSilence is an
	// answer, too: ejection needs the calls that an endpoint fails.
	silentFactor = 4
	minSilence   = 40 * time.Millisecond
	maxSilence   = 4 * time.Second

	// Two tests of silent endpoints are testPause apart: if most hang, tests are still few calls.
	testPause = 200 * time.Millisecond

	// Of a set with more than scanned endpoints, samples random ones are looked at.
	scanned = 64
	samples = 16
)

// isSilent reports whether an endpoint may hang. For p2c, which compares loads, it is enough that a
// better endpoint is probable.
func (b *Balancer) isSilent(e *Endpoint, now int64) bool {
	silence := e.stats.wait(now)
	if b.picker == P2C {
		return silence >= int64(minSilence)
	}
	return e.hangs(silence)
}

// hangs reports whether the silence of an endpoint is much longer than its calls take.
func (e *Endpoint) hangs(silence int64) bool {
	limit := min(silentFactor*e.stats.usually(), float64(maxSilence))
	return silence >= int64(minSilence) && float64(silence) >= limit
}

// avoidSilent returns an endpoint that answers instead of e, which was picked from s, if e is
// silent and there is another one: in the same set or, if e hangs, in those of other zones. First
// attempts still test a silent endpoint as often as a slow one, within testPause.
func (b *Balancer) avoidSilent(e *Endpoint, s *set, now int64, tried []*Endpoint) *Endpoint {
	if !b.isSilent(e, now) {
		return e
	}
	if len(tried) == 0 && (e.stats.picked.Load() == now || e.forced(now)) && b.mayTest(now) {
		return e
	}
	other := b.answering(s, now, tried)
	if other != nil && (b.picker != P2C || b.load(other, now) < b.load(e, now)) {
		return other
	}
	sets := b.routes.Load().sets
	if len(sets) < 2 || !e.hangs(e.stats.wait(now)) {
		return e
	}
	first := rand.N(len(sets))
	for i := range sets {
		if z := sets[(first+i)%len(sets)]; z != s {
			if other := b.answering(z, now, tried); other != nil {
				return other
			}
		}
	}
	return e
}

// mayTest reports whether a silent endpoint may be tested. Of several callers it reports this to
// one.
func (b *Balancer) mayTest(now int64) bool {
	last := b.tested.Load()
	return now-last >= int64(testPause) && b.tested.CompareAndSwap(last, now)
}

// answering returns a random endpoint that is not silent and not tried, or nil.
func (b *Balancer) answering(s *set, now int64, tried []*Endpoint) (chosen *Endpoint) {
	slots := s.list()
	if len(slots) > scanned {
		for range samples {
			if e := slots[rand.N(len(slots))].Load(); b.answers(e, now, tried) {
				return e
			}
		}
		return nil
	}
	seen := 0
	for i := range slots {
		if e := slots[i].Load(); b.answers(e, now, tried) {
			if seen++; rand.N(seen) == 0 {
				chosen = e
			}
		}
	}
	return chosen
}

// answers reports whether e may be picked instead of a silent endpoint.
func (b *Balancer) answers(e *Endpoint, now int64, tried []*Endpoint) bool {
	return e != nil && !b.isSilent(e, now) && !slices.Contains(tried, e) &&
		(b.picker != Weighted || len(tried) > 0 || e.Weight() > 0)
}
