package balance

import (
	"cmp"
	"slices"
	"time"
)

// A Snapshot is the state of a balancer at one time.
type Snapshot struct {
	Endpoints          []EndpointSnapshot // by address
	Ejections, Returns uint64             // since the balancer's start
}

// An EndpointSnapshot is the state of an endpoint at one time.
type EndpointSnapshot struct {
	Address             string
	Value               any
	Zone                string // empty if the client has no zone
	Weight              float64
	State               State
	Ejected             bool
	InFlight            int64
	Latency             time.Duration // the average, 0 before the end of the first call
	Successes, Failures uint64        // since its statistics began
}

// Snapshot returns the state of all endpoints.
func (b *Balancer) Snapshot() Snapshot {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]EndpointSnapshot, 0, len(b.endpoints))
	for _, e := range b.endpoints {
		s := e.stats
		all = append(all, EndpointSnapshot{
			Address:   e.Address,
			Value:     e.Value,
			Zone:      e.zone,
			Weight:    e.Weight(),
			State:     e.state,
			Ejected:   s.ejected,
			InFlight:  s.inFlight.Load(),
			Latency:   time.Duration(s.average()),
			Successes: s.totalSuccesses + s.successes.Load(),
			Failures:  s.totalFailures + s.failures.Load(),
		})
	}
	slices.SortFunc(all, func(x, y EndpointSnapshot) int {
		return cmp.Compare(x.Address, y.Address)
	})
	return Snapshot{Endpoints: all, Ejections: b.ejections, Returns: b.returns}
}
