package balance

// What is known about the service of an endpoint.
const (
	unproven int32 = iota // nothing since its connection was made
	proven                // it has had a success
	aside                 // it is set aside: it does not serve a method, and has had no success
)

// IsAside reports whether the endpoint is set aside.
func (e *Endpoint) IsAside() bool { return e.served.Load() == aside }

// setAside sets an endpoint aside that has had no success on its connection. It reports whether it
// has done so.
func (b *Balancer) setAside(e *Endpoint) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.setServed(e, unproven, aside)
}

// prove records that an endpoint serves a method. If it is set aside, it can be picked again.
func (b *Balancer) prove(e *Endpoint) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.setServed(e, unproven, proven) {
		b.setServed(e, aside, proven)
	}
}

// setServed changes what is known about the service of an endpoint, and reports whether it was as
// expected.
func (b *Balancer) setServed(e *Endpoint, old, next int32) bool {
	if b.endpoints[e.Address] != e || e.served.Load() != old {
		return false
	}
	b.count(e, -1)
	e.served.Store(next)
	b.count(e, 1)
	if old == aside || next == aside {
		b.place(e)
		b.settle()
	}
	return true
}

// testAside returns an endpoint that is set aside and due for a test, or nil. Each is due once a
// second, and one of them within testPause.
func (b *Balancer) testAside(now int64) *Endpoint {
	slots := b.aside.list()
	if len(slots) == 0 {
		return nil
	}
	e := slots[b.aside.turn.Load()%uint64(len(slots))].Load()
	if e == nil || now-e.stats.picked.Load() < int64(forcedAfter) || !b.mayTest(now) {
		return nil
	}
	b.aside.turn.Add(1)
	return e
}

// Joining reports whether an endpoint is connecting for the first time since Add. If it is not, an
// endpoint that is up afterwards is one that [Balancer.HasOther] sees.
func (b *Balancer) Joining() bool { return b.joining.Load() > 0 }

// MustWait reports whether no endpoint can be picked, and some are connecting. It takes a lock, so
// that it sees no endpoint between two states: if it returns false, an endpoint that was connecting
// before is one that [Balancer.HasOther] sees.
func (b *Balancer) MustWait() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.connecting.Load() == 0 {
		return false
	}
	for _, s := range b.routes.Load().sets {
		if s.n.Load() > 0 {
			return false
		}
	}
	return true
}
