package balance

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync/atomic"
)

// A set is a list of endpoints that is read without a lock. Changes, which must not be concurrent,
// are made in place, so that one of 1,000 endpoints changes without a copy of the list. A reader
// may see an endpoint that has just left, twice or not at all; the caller must be able to refuse
// it.
type set struct {
	slots atomic.Pointer[[]atomic.Pointer[Endpoint]]
	n     atomic.Int64

	turn      atomic.Uint64 // of round robin and weighted
	maxWeight atomic.Uint64 // the largest weight, a float64
}

func newSet() *set {
	s := &set{}
	s.slots.Store(&[]atomic.Pointer[Endpoint]{})
	s.turn.Store(uint64(rand.Uint32())) // clients that start together begin at different endpoints
	return s
}

// list returns the slots of the endpoints. A slot whose endpoint has just left can contain nil.
func (s *set) list() []atomic.Pointer[Endpoint] {
	slots := *s.slots.Load()
	return slots[:min(int(s.n.Load()), len(slots))]
}

func (s *set) add(e *Endpoint) {
	n := int(s.n.Load())
	slots := *s.slots.Load()
	if n == len(slots) {
		grown := make([]atomic.Pointer[Endpoint], max(4, 2*n))
		for i := range slots {
			grown[i].Store(slots[i].Load())
		}
		slots = grown
		s.slots.Store(&grown)
	}
	slots[n].Store(e)
	e.set, e.slot = s, n
	s.n.Store(int64(n + 1))
	if w := e.Weight(); w > math.Float64frombits(s.maxWeight.Load()) {
		s.maxWeight.Store(math.Float64bits(w))
	}
}

// remove moves the last endpoint to the place of e.
func (s *set) remove(e *Endpoint) {
	last := int(s.n.Load()) - 1
	slots := *s.slots.Load()
	moved := slots[last].Load()
	slots[e.slot].Store(moved)
	moved.slot = e.slot
	s.n.Store(int64(last))
	slots[last].Store(nil)
	e.set, e.slot = nil, 0
	s.updateMaxWeight(e.Weight())
}

// updateMaxWeight computes the largest weight anew, if the one that was removed can have been it.
func (s *set) updateMaxWeight(removed float64) {
	if removed < math.Float64frombits(s.maxWeight.Load()) {
		return
	}
	most, slots := 0.0, s.list()
	for i := range slots {
		if most = max(most, slots[i].Load().Weight()); most >= removed {
			break
		}
	}
	s.maxWeight.Store(math.Float64bits(most))
}

// sum returns the number of endpoints, or the sum of their weights.
func (s *set) sum(weighted bool) float64 {
	slots := s.list()
	if !weighted {
		return float64(len(slots))
	}
	total := 0.0
	for i := range slots {
		total += slots[i].Load().Weight()
	}
	return total
}

// randomByWeight returns an endpoint at random, by weight, or nil. most is the largest weight.
func (s *set) randomByWeight(most float64) (chosen *Endpoint) {
	slots, sum := s.list(), 0.0
	for i := range slots {
		e := slots[i].Load()
		if e == nil || e.Weight() == 0 {
			continue
		}
		part := e.Weight() / most
		if sum += part; chosen == nil || rand.Float64()*sum < part {
			chosen = e
		}
	}
	return chosen
}

// random returns a random endpoint that is not tried, or nil.
func (s *set) random(tried []*Endpoint) *Endpoint {
	slots := s.list()
	if len(slots) == 0 {
		return nil
	}
	for range 4 {
		e := slots[rand.N(len(slots))].Load()
		if e != nil && !slices.Contains(tried, e) {
			return e
		}
	}
	var chosen *Endpoint // each untried one with the same probability
	seen := 0
	for i := range slots {
		e := slots[i].Load()
		if e == nil || slices.Contains(tried, e) {
			continue
		}
		if seen++; rand.N(seen) == 0 {
			chosen = e
		}
	}
	return chosen
}
