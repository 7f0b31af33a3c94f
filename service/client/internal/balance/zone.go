package balance

import (
	"math"
	"math/rand/v2"
)

// routes are the sets of endpoints to pick from, one for each zone. Without a zone of the client
// there is one set. They are not changed after they were made.
type routes struct {
	sets   []*set
	limits []float64 // sums of the shares of the sets; the last one is 1
}

// choose returns a random set. Its probability is its share.
func (r *routes) choose() *set {
	x := rand.Float64()
	for i, limit := range r.limits {
		if x < limit {
			return r.sets[i]
		}
	}
	return r.sets[len(r.sets)-1]
}

// size returns the number of endpoints in all sets.
func (r *routes) size() (n int64) {
	for _, s := range r.sets {
		n += s.n.Load()
	}
	return n
}

// chooseOther returns a random set, but not the former one if there is another that is not empty.
// Its probability is its part of the endpoints.
func (r *routes) chooseOther(former *set) *set {
	x := rand.Int64N(max(1, r.size()-former.n.Load()))
	for _, s := range r.sets {
		if s == former {
			continue
		}
		if x -= s.n.Load(); x < 0 {
			return s
		}
	}
	return former
}

// newRoutes returns routes for the capacities of some zones. See "Zones" in the package comment.
// local is the index of the client's zone, -1 if no endpoint has it.
func newRoutes(sets []*set, capacities []float64, local int) *routes {
	r := &routes{sets: sets, limits: make([]float64, len(sets))}
	sum := 0.0
	for i, share := range shares(capacities, local) {
		sum += share
		r.limits[i] = sum
	}
	r.limits[len(sets)-1] = math.Inf(1) // rounding
	return r
}

// shares returns the shares of the zones in the calls. Their sum is 1, or 0 without capacity.
func shares(capacities []float64, local int) []float64 {
	share := make([]float64, len(capacities))
	total := 0.0
	for _, c := range capacities {
		total += c
	}
	if total == 0 {
		return share
	}
	fair := total / float64(len(capacities)) // capacity that the calls of a zone need
	if local < 0 {
		fair = 0 // all zones get the calls of this one in proportion to their capacity
	} else {
		share[local] = min(1, capacities[local]/fair)
	}
	surplus := 0.0
	for i, c := range capacities {
		if i != local {
			surplus += max(0, c-fair)
		}
	}
	rest := 1.0
	if local >= 0 {
		rest -= share[local]
	}
	for i, c := range capacities {
		if i != local && surplus > 0 {
			share[i] = rest * max(0, c-fair) / surplus
		}
	}
	return share
}
