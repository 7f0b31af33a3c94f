package balance

import (
	"container/list"
	"maps"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// maxDeparted is how many addresses that are not in the list have statistics.
const maxDeparted = 1024

// sampleSize is how many endpoints the median is computed of, at most.
const sampleSize = 33

// Config is the configuration of a [Balancer].
type Config struct {
	Picker   string    // one of Names
	Zone     string    // of the client; empty without zones
	Ejection *Ejection // nil without ejection
}

// A Balancer has a list of endpoints and picks one for each call. Its methods may be called
// concurrently. Times are those since its start: see [Balancer.Now].
type Balancer struct {
	picker   string
	zone     string
	ejection *Ejection
	start    time.Time

	routes     atomic.Pointer[routes] // those that are up
	down       *set
	aside      *set          // those that are up and set aside
	median     atomic.Uint64 // latency of the endpoints that are up, a float64 in ns
	connecting atomic.Int64  // number of endpoints
	joining    atomic.Int64  // number of those that connect for the first time
	ejected    atomic.Int64  // number of endpoints in the list
	tested     atomic.Int64  // when a silent endpoint was last tested

	mu        sync.Mutex
	changed   chan struct{} // closed at the next change of a state; nil if nothing waits
	endpoints map[string]*Endpoint
	zones     map[string]*zone
	departed  map[string]*list.Element // statistics of addresses that are not in the list
	departure list.List                // of departure values, the oldest first
	up        int                      // number of endpoints that are up
	upEjected int                      // those of them that are ejected
	panicking bool                     // ejections have no effect
	swept     int64                    // end of the last interval
	ejections uint64
	returns   uint64
}

// A zone has the endpoints of one zone that are up, and counts all of the list.
type zone struct {
	up    *set
	total int
}

type departure struct {
	address string
	stats   *stats
}

// New returns a balancer without endpoints.
func New(c Config) *Balancer {
	b := &Balancer{
		picker:    c.Picker,
		zone:      c.Zone,
		ejection:  c.Ejection,
		start:     time.Now(),
		down:      newSet(),
		aside:     newSet(),
		endpoints: map[string]*Endpoint{},
		zones:     map[string]*zone{},
		departed:  map[string]*list.Element{},
	}
	b.updateRoutes()
	return b
}

// Now returns the time since the balancer's start.
func (b *Balancer) Now() time.Duration { return time.Since(b.start) }

// Add adds an endpoint, whose state is Connecting. The address must not be in the list.
func (b *Balancer) Add(now time.Duration, address string, value any, a Attributes) *Endpoint {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := &Endpoint{Address: address, Value: value, balancer: b, stats: b.known(address)}
	e.weight.Store(math.Float64bits(a.Weight))
	e.stats.picked.Store(int64(now))
	e.zone = b.zoneOf(a)
	if e.stats.ejected {
		b.ejected.Add(1)
	}
	b.endpoints[address] = e
	b.connecting.Add(1)
	b.joining.Add(1)
	e.joining = true
	b.enterZone(e.zone)
	b.updateRoutes()
	return e
}

// zoneOf returns the zone that counts: all endpoints are in one zone if the client has none.
func (b *Balancer) zoneOf(a Attributes) string {
	if b.zone == "" {
		return ""
	}
	return a.Zone
}

// known returns the statistics of an address, which may be new.
func (b *Balancer) known(address string) *stats {
	element, ok := b.departed[address]
	if !ok {
		return &stats{}
	}
	delete(b.departed, address)
	return b.departure.Remove(element).(departure).stats
}

// Remove removes an endpoint from the list. Its calls in flight are still counted.
func (b *Balancer) Remove(e *Endpoint) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.endpoints[e.Address] != e {
		return
	}
	delete(b.endpoints, e.Address)
	b.setState(e, Broken)
	if e.stats.ejected {
		b.ejected.Add(-1)
	}
	b.leaveZone(e.zone)
	b.departed[e.Address] = b.departure.PushBack(departure{e.Address, e.stats})
	if b.departure.Len() > maxDeparted {
		oldest := b.departure.Remove(b.departure.Front()).(departure)
		delete(b.departed, oldest.address)
	}
	b.settle()
}

// SetState sets the state of an endpoint. It has no effect after Remove. The ramp of an endpoint
// begins when it is up for the first time after Add.
func (b *Balancer) SetState(now time.Duration, e *Endpoint, s State) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.endpoints[e.Address] != e || e.state == s {
		return
	}
	if s == Up && !e.ramped {
		e.ramped = true
		e.since.Store(int64(now))
	}
	b.setState(e, s)
	b.settle()
}

func (b *Balancer) setState(e *Endpoint, s State) {
	b.count(e, -1)
	e.state = s
	if s == Up { // a new connection says nothing about the former one
		e.stats.succeeded()
		e.served.Store(unproven)
	}
	b.count(e, 1)
	b.place(e)
	if e.joining && s != Connecting { // after place: see Joining
		e.joining = false
		b.joining.Add(-1)
	}
}

// count adds n to the numbers of endpoints with the state of e. Those that are set aside are not
// among those that are up.
func (b *Balancer) count(e *Endpoint, n int) {
	switch e.state {
	case Connecting:
		b.connecting.Add(int64(n))
	case Up:
		if e.IsAside() {
			return
		}
		b.up += n
		if e.stats.ejected {
			b.upEjected += n
		}
	}
}

// place moves an endpoint to the set that it can be picked from.
func (b *Balancer) place(e *Endpoint) {
	var target *set
	switch {
	case e.state == Down:
		target = b.down
	case e.state == Up && e.IsAside():
		target = b.aside
	case e.state == Up && (!e.stats.ejected || b.panicking):
		target = b.zones[e.zone].up
	}
	if e.set == target {
		return
	}
	if e.set != nil {
		e.set.remove(e)
	}
	if target != nil {
		target.add(e)
	}
}

// settle updates what depends on the states of all endpoints, and wakes those that wait for a
// change.
func (b *Balancer) settle() {
	usable := b.up - b.upEjected
	known := len(b.endpoints) - int(b.connecting.Load()+b.aside.n.Load())
	if panicking := 2*usable < known && b.upEjected > 0; panicking != b.panicking {
		b.panicking = panicking
		for _, e := range b.endpoints {
			if e.stats.ejected {
				b.place(e)
			}
		}
	}
	b.updateRoutes()
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}

func (b *Balancer) enterZone(name string) {
	z := b.zones[name]
	if z == nil {
		z = &zone{up: newSet()}
		b.zones[name] = z
	}
	z.total++
}

func (b *Balancer) leaveZone(name string) {
	z := b.zones[name]
	if z.total--; z.total == 0 && b.zone != "" {
		delete(b.zones, name)
	}
}

// updateRoutes publishes the routes, if the client has a zone or has no routes yet.
func (b *Balancer) updateRoutes() {
	if b.zone == "" && b.routes.Load() != nil {
		return
	}
	if len(b.zones) == 0 {
		if b.zone == "" {
			b.zones[""] = &zone{up: newSet()}
			b.routes.Store(&routes{sets: []*set{b.zones[""].up}})
		} else {
			b.routes.Store(&routes{sets: []*set{newSet()}})
		}
		return
	}
	names := slices.Sorted(maps.Keys(b.zones))
	sets, capacities := make([]*set, len(names)), make([]float64, len(names))
	total := 0.0
	for i, name := range names {
		sets[i] = b.zones[name].up
		capacities[i] = sets[i].sum(b.picker == Weighted)
		total += capacities[i]
	}
	for i := 0; total == 0 && i < len(sets); i++ { // if all have the weight 0, it has no effect
		capacities[i] = sets[i].sum(false)
	}
	b.routes.Store(newRoutes(sets, capacities, slices.Index(names, b.zone)))
}

// SetAttributes changes the attributes of an endpoint.
func (b *Balancer) SetAttributes(e *Endpoint, a Attributes) {
	b.mu.Lock()
	defer b.mu.Unlock()
	zone, former := b.zoneOf(a), e.Weight()
	if b.endpoints[e.Address] != e || zone == e.zone && a.Weight == former {
		return
	}
	if s := e.set; s != nil {
		s.remove(e)
	}
	e.weight.Store(math.Float64bits(a.Weight))
	if zone != e.zone {
		b.enterZone(zone)
		b.leaveZone(e.zone)
		e.zone = zone
	}
	b.place(e)
	b.updateRoutes()
}

// PickOrWait does what Pick does for a call that has tried no endpoint. If none is up but some are
// connecting, it returns a channel that is closed at the next change. If none is, it returns one
// that is down, or else one that is set aside, and that the call has not tried, if any. It takes a
// lock, so that it sees no endpoint between two states.
func (b *Balancer) PickOrWait(
	now time.Duration, tried []*Endpoint,
) (e *Endpoint, changed <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e = b.Pick(now, nil); e != nil {
		return e, nil
	}
	if b.connecting.Load() == 0 {
		for _, s := range []*set{b.down, b.aside} {
			if e = s.random(tried); e == nil {
				e = s.random(nil)
			}
			if e != nil {
				break
			}
		}
		return e, nil
	}
	if b.changed == nil {
		b.changed = make(chan struct{})
	}
	return nil, b.changed
}

// Wake ends the waiting of those that have called PickOrWait.
func (b *Balancer) Wake() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.settle()
}

// Ejected returns the number of endpoints in the list that are ejected.
func (b *Balancer) Ejected() int { return int(b.ejected.Load()) }

func (b *Balancer) medianLatency() float64 { return math.Float64frombits(b.median.Load()) }

// updateMedian computes the median latency of some of the endpoints that are up.
func (b *Balancer) updateMedian() {
	var sample [sampleSize]float64
	n := 0
	sets := b.routes.Load().sets
	most := max(1, sampleSize/len(sets))
	for _, s := range sets {
		slots := s.list()
		step := (len(slots) + most - 1) / most
		for i := 0; i < len(slots) && n < sampleSize; i += step {
			if e := slots[i].Load(); e != nil && e.stats.average() > 0 {
				sample[n] = e.stats.average()
				n++
			}
		}
	}
	if n > 0 {
		slices.Sort(sample[:n])
		b.median.Store(math.Float64bits(sample[n/2]))
	}
}
