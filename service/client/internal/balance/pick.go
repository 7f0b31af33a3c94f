package balance

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// The names of the pickers.
const (
	P2C        = "p2c"
	RoundRobin = "round_robin"
	Random     = "random"
	Weighted   = "weighted"
)

// Names returns the names of the pickers. The first one is the default.
func Names() []string { return []string{P2C, RoundRobin, Random, Weighted} }

const (
	// equalLoads is the ratio of two loads from which on the smaller one is picked.
	equalLoads = 1.5

	// An endpoint that was not picked for forcedAfter is due for a forced pick, after it has lost
	// forcedLosses further comparisons: so forced picks are few if there are more endpoints than
	// calls a second.
	forcedAfter  = time.Second
	forcedLosses = 4

	// A new endpoint has its full share after ramp. It begins with the share rampStart.
	ramp      = 10 * time.Second
	rampStart = 0.1
)

// Pick returns an endpoint for a call that has tried some already. It returns nil if all that can
// be picked are tried, or if there are none: see [Balancer.PickOrWait]. It takes no lock.
func (b *Balancer) Pick(now time.Duration, tried []*Endpoint) *Endpoint {
	if len(tried) == 0 && b.aside.n.Load() > 0 {
		if e := b.testAside(int64(now)); e != nil {
			return e
		}
	}
	up := b.routes.Load()
	s := up.sets[0]
	if len(up.sets) > 1 {
		s = up.choose()
	}
	e := b.pickFrom(s, int64(now), tried)
	if e == nil && len(up.sets) > 1 { // the zone has none left
		s = up.chooseOther(s)
		e = b.pickFrom(s, int64(now), tried)
		for i := 0; e == nil && i < len(up.sets); i++ {
			s = up.sets[i]
			e = b.pickFrom(s, int64(now), tried)
		}
	}
	if e == nil || e.stats.waiting.Load() == 0 {
		return e
	}
	return b.avoidSilent(e, s, int64(now), tried)
}

// HasOther reports whether there is an endpoint to pick that is not tried and has been silent for
// less than d. It changes nothing, and takes no lock.
func (b *Balancer) HasOther(now time.Duration, tried []*Endpoint, d time.Duration) bool {
	for _, s := range b.routes.Load().sets {
		slots := s.list()
		for i := range slots {
			e := slots[i].Load()
			if e != nil && !slices.Contains(tried, e) && e.Silence(now) < d {
				return true
			}
		}
	}
	return false
}

func (b *Balancer) pickFrom(s *set, now int64, tried []*Endpoint) *Endpoint {
	switch {
	case b.picker == P2C:
		return b.betterOfTwo(s, now, tried)
	case len(tried) > 0 || b.picker == Random:
		return s.random(tried)
	case b.picker == Weighted:
		return s.weighted()
	}
	slots := s.list()
	if len(slots) == 0 {
		return nil
	}
	if e := slots[(s.turn.Add(1)-1)%uint64(len(slots))].Load(); e != nil {
		return e
	}
	return s.random(nil)
}

// pickRounds is how many pairs are looked at for two endpoints that can be picked.
const pickRounds = 4

// betterOfTwo implements p2c: it returns the better of two endpoints that the call has not tried.
// If it does not find two in a few pairs, it returns the one it has found.
func (b *Balancer) betterOfTwo(s *set, now int64, tried []*Endpoint) *Endpoint {
	slots := s.list()
	n := uint64(len(slots))
	if n < 2 {
		return s.random(tried)
	}
	var one *Endpoint // of an earlier pair
	for range pickRounds {
		i, j := twoOf(n)
		x, y := slots[i].Load(), slots[j].Load()
		if x == nil || y == nil {
			continue
		}
		if len(tried) == 0 {
			return b.better(x, y, now)
		}
		switch triedX, triedY := slices.Contains(tried, x), slices.Contains(tried, y); {
		case triedX && triedY:
			continue
		case triedX:
			x = one
		case triedY:
			x, y = one, x
		}
		if x != nil && x != y {
			return b.better(x, y, now)
		}
		one = y
	}
	if one != nil {
		return one
	}
	return s.random(tried)
}

// twoOf returns two different random numbers below n, which must be from 2 to 2³². The bias of the
// multiplication is below n / 2³².
func twoOf(n uint64) (i, j uint64) {
	r := rand.Uint64()
	i = (r >> 32) * n >> 32
	j = (r & math.MaxUint32) * (n - 1) >> 32
	if j >= i {
		j++
	}
	return i, j
}

// better returns the endpoint with less load. x is preferred if the loads are equal: the order of
// the two must be random. An endpoint with a smaller share is compared in part of the
// cases only, or if its load divided by this part is less than that of the other, which may hang.
func (b *Balancer) better(x, y *Endpoint, now int64) *Endpoint {
	if shareX, shareY := x.share(now), y.share(now); shareX != shareY {
		if shareX < shareY {
			x, y, shareX, shareY = y, x, shareY, shareX
		}
		part := shareY / shareX
		if rand.Float64() >= part && b.load(x, now)*part < b.load(y, now)*equalLoads {
			return x
		}
		if rand.Uint64()&1 == 0 {
			x, y = y, x
		}
	}
	if b.load(y, now)*equalLoads <= b.load(x, now) {
		x, y = y, x
	}
	if y.forced(now) {
		return y
	}
	return x
}

// load returns the latency that a further call can expect, in ns: at least the endpoint's silence.
func (b *Balancer) load(e *Endpoint, now int64) float64 {
	latency := e.stats.average()
	if latency == 0 {
		latency = max(b.medianLatency(), 1)
	}
	latency = max(latency, float64(e.stats.silence(now)))
	return latency * float64(e.stats.inFlight.Load()+1)
}

// share returns the part of its share that an endpoint gets during its ramp, else 1.
func (e *Endpoint) share(now int64) float64 {
	age := now - e.since.Load()
	if age >= int64(ramp) {
		return 1
	}
	return max(rampStart, float64(age)/float64(ramp))
}

// forced reports whether an endpoint that has lost a comparison must be picked. Of several callers
// it reports this to one.
func (e *Endpoint) forced(now int64) bool {
	picked := e.stats.picked.Load()
	return now-picked >= int64(forcedAfter) && e.stats.inFlight.Load() == 0 &&
		e.stats.passed.Add(1) > forcedLosses && e.stats.picked.CompareAndSwap(picked, now)
}

// weighted implements the static stride scheduler of gRFC A58: an endpoint is skipped in as many
// rounds as its weight is below the largest one.
func (s *set) weighted() *Endpoint {
	const full = math.MaxUint16
	slots := s.list()
	n := uint64(len(slots))
	most := math.Float64frombits(s.maxWeight.Load())
	if n == 0 || most == 0 {
		return s.random(nil)
	}
	for range 2 * n { // the largest one is picked in each round, possibly by another caller
		turn := s.turn.Add(1) - 1
		i, round := turn%n, turn/n
		e := slots[i].Load()
		if e == nil {
			continue
		}
		weight := uint64(0)
		if w := e.Weight(); w > 0 {
			weight = max(1, uint64(min(w/most, 1)*full))
		}
		if (weight*round+i*(full/2))%full >= full-weight {
			return e
		}
	}
	return s.randomByWeight(most)
}
