package discovery_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/go-kit/kit/sd"

	"bookservice/discovery"
	"bookservice/discovery/discoverytest"
	"bookservice/discovery/discoverytest/faults"
	"bookservice/discovery/internal/testkit"
)

// followTTL is long enough for a third of it to be kept on a busy machine.
const followTTL = 4 * time.Second

// shortestList returns a function that ends the subscription and returns the length of the shortest
// list that the instancer has published since.
func shortestList(i sd.Instancer) func() int {
	events, quit, least := make(chan sd.Event), make(chan struct{}), make(chan int)
	i.Register(events)
	go func() {
		shortest := 1 << 30
		for {
			select {
			case event := <-events:
				if event.Err == nil {
					shortest = min(shortest, len(event.Instances))
				}
			case <-quit:
				least <- shortest
				return
			}
		}
	}()
	return func() int {
		i.Deregister(events)
		close(quit)
		return <-least
	}
}

// The connections of servers and clients stay open, and nothing passes on them, as after the
// restart of a firewall that has forgotten them. New connections work.
func TestForgottenConnectionsCostNothing(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	e := startEtcd(t, 1)
	servers, clients := startProxy(t, e.Endpoints()[0]), startProxy(t, e.Endpoints()[0])
	c := config(servers.Address())
	c.TTL = followTTL
	r := open(t, c)
	register(t, r, addrA)
	register(t, r, addrB)
	c.Etcd = []string{clients.Address()}
	i := instancer(t, open(t, c))
	f := discoverytest.Follow(t, i)
	f.WaitFor(t, limit, addrA, addrB)
	shortest := shortestList(i)

	for range 2 {
		servers.Forget()
		clients.Forget()
		e.put(t, key(addrC), addrC)
		begin := time.Now()
		f.WaitFor(t, c.TTL/3+slack, addrA, addrB, addrC)
		t.Logf("change received after %s (TTL/3: %s)", time.Since(begin), c.TTL/3)
		testkit.Always(t, c.TTL*3/2, "both are registered", func() bool {
			return e.registered(t, addrA) && e.registered(t, addrB)
		})
		e.delete(t, key(addrC))
		f.WaitFor(t, limit, addrA, addrB)
	}
	if have := shortest(); have < 2 {
		t.Errorf("have a list of %d instances, want 2 or more", have)
	}
}

// A member that hangs keeps its connections and answers nothing.
func TestHungMemberCostsNoRegistration(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	e := startEtcd(t, 3)
	var proxies []*faults.Proxy
	var endpoints []string
	for _, endpoint := range e.Endpoints() {
		p := startProxy(t, endpoint)
		proxies, endpoints = append(proxies, p), append(endpoints, p.Address())
	}
	c := config(endpoints...)
	c.TTL = followTTL
	servers := open(t, c)
	register(t, servers, addrA)
	register(t, servers, addrB)
	f := discoverytest.Follow(t, instancer(t, open(t, c)))
	f.WaitFor(t, limit, addrA, addrB)
	for n, p := range proxies {
		p.Hold()
		begin := time.Now()
		added := fmt.Sprintf("127.0.0.1:%d", 60000+n)
		e.put(t, key(added), added)
		f.WaitFor(t, c.TTL/3+slack, addrA, addrB, added)
		t.Logf("change received after %s (TTL/3: %s)", time.Since(begin), c.TTL/3)
		testkit.Always(t, c.TTL*3/2, "both are registered", func() bool {
			return e.registered(t, addrA) && e.registered(t, addrB)
		})
		p.Release()
		e.delete(t, key(added))
		f.WaitFor(t, limit, addrA, addrB)
	}
}

// The same with processes of the etcd that is installed, of which each is paused once.
func TestPausedMemberCostsNoRegistration(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	processes := startProcesses(t, 3)
	endpoints := processes.Endpoints()
	c := config(endpoints...)
	c.TTL = followTTL
	servers := open(t, c)
	register(t, servers, addrA)
	register(t, servers, addrB)
	f := discoverytest.Follow(t, instancer(t, open(t, c)))
	f.WaitFor(t, limit, addrA, addrB)
	all := []string{addrA, addrB}
	for n := range endpoints {
		pause(t, processes, n)
		others := []string{endpoints[(n+1)%3], endpoints[(n+2)%3]}
		e := &etcd{processes, rawClient(t, others...)}
		added := fmt.Sprintf("127.0.0.1:%d", 60000+n)
		e.putSoon(t, key(added), added) // after an election, if the process is the leader
		begin := time.Now()
		// The key stays: an attempt to put it may still succeed when the process continues.
		all = append(all, added)
		f.WaitFor(t, c.TTL/3+slack, all...)
		t.Logf("change received after %s (TTL/3: %s)", time.Since(begin), c.TTL/3)
		testkit.Always(t, c.TTL*3/2, "both are registered", func() bool {
			return e.registered(t, addrA) && e.registered(t, addrB)
		})
		resume(t, processes, n)
	}
}

// A leader that ends takes its connections with it, and nothing is written until another is
// elected.
func TestLossOfTheLeaderCostsNoRegistration(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	e := startEtcd(t, 3)
	c := config(e.Endpoints()...)
	c.TTL = followTTL
	servers := open(t, c)
	register(t, servers, addrA)
	register(t, servers, addrB)
	i := instancer(t, open(t, c))
	f := discoverytest.Follow(t, i)
	f.WaitFor(t, limit, addrA, addrB)
	shortest := shortestList(i)
	for n := range 2 {
		if err := e.StopMember(e.leader(t, e.Endpoints())); err != nil {
			t.Fatal(err)
		}
		added := fmt.Sprintf("127.0.0.1:%d", 60000+n)
		e.putSoon(t, key(added), added)
		begin := time.Now()
		f.WaitFor(t, c.TTL/3+slack, addrA, addrB, added)
		t.Logf("change received after %s (TTL/3: %s)", time.Since(begin), c.TTL/3)
		testkit.Always(t, c.TTL*3/2, "both are registered", func() bool {
			return e.registered(t, addrA) && e.registered(t, addrB)
		})
		e.delete(t, key(added))
		f.WaitFor(t, limit, addrA, addrB)
		e.restart(t, true)
	}
	if have := shortest(); have < 2 {
		t.Errorf("have a list of %d instances, want 2 or more", have)
	}
}

// Register needs no second call if the member that it asks first hangs.
func TestRegisterMovesOnFromAHungMember(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	e := startEtcd(t, 3)
	for n, endpoint := range e.Endpoints() {
		p := startProxy(t, endpoint)
		endpoints := e.Endpoints()
		endpoints[n] = p.Address()
		c := config(endpoints...)
		c.TTL = followTTL
		for range 3 { // the order of the members is random
			r := open(t, c)
			register(t, r, addrA)
			p.Hold()
			begin := time.Now()
			if err := r.Registrar("", addrB).Register(testkit.Context(t, c.Timeout)); err != nil {
				t.Errorf("after %s: %v", time.Since(begin), err)
			}
			p.Release()
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// All leases expire, although all servers run.
func TestListStaysWhileServersCannotReachEtcd(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	for _, test := range []struct {
		name  string
		fault func(p *faults.Proxy) (end func())
	}{
		{"held", func(p *faults.Proxy) func() { p.Hold(); return p.Release }},
		{"cut", func(p *faults.Proxy) func() { p.Cut(); return p.Restore }},
		{"lost", func(p *faults.Proxy) func() { p.Lose(); return p.Release }},
	} {
		for _, clientsToo := range []bool{false, true} {
			t.Run(fmt.Sprint(test.name, ", clients too: ", clientsToo), func(t *testing.T) {
				t.Parallel()
				e := startEtcd(t, 1)
				servers := startProxy(t, e.Endpoints()[0])
				clients := startProxy(t, e.Endpoints()[0])
				r := open(t, config(servers.Address()))
				a, b := register(t, r, addrA), register(t, r, addrB)
				i := instancer(t, open(t, config(clients.Address())))
				f := discoverytest.Follow(t, i)
				f.WaitFor(t, limit, addrA, addrB)
				shortest := shortestList(i)

				endServers := test.fault(servers)
				endClients := func() {}
				if clientsToo {
					endClients = test.fault(clients)
				}
				testkit.Eventually(t, "both leases expired", func() bool {
					return e.absent(t, addrA) && e.absent(t, addrB)
				})
				endClients()
				testkit.Always(t, 2*ttl, "servers cannot register", func() bool {
					return e.absent(t, addrA) && e.absent(t, addrB)
				})
				endServers()
				testkit.EventuallyWithin(t, 2*ttl, "both registrations are restored", func() bool {
					return e.registered(t, addrA) && e.registered(t, addrB)
				})
				if have := shortest(); have == 0 {
					t.Error("have an empty list, want the last one")
				}
				leavesAtOnce(t, i, a, addrB)
				leavesAtOnce(t, i, b)
			})
		}
	}
}

// leavesAtOnce deregisters an instance, after which the instancer lists the others well within a
// TTL.
func leavesAtOnce(t *testing.T, i sd.Instancer, r discovery.Registrar, others ...string) {
	t.Helper()
	f := discoverytest.Follow(t, i)
	deregister(t, r)
	f.WaitFor(t, ttl*3/4, others...)
}

func TestListStaysThroughAPausedEtcd(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	processes := startProcesses(t, 1)
	e := newEtcd(t, processes)
	servers := e.open(t)
	var all []discovery.Registrar
	for _, addr := range []string{addrA, addrB, addrC} {
		all = append(all, register(t, servers, addr))
	}
	clients := e.open(t)
	i := instancer(t, clients)
	f := discoverytest.Follow(t, i)
	f.WaitFor(t, limit, addrA, addrB, addrC)
	shortest := shortestList(i)
	for range 3 {
		pause(t, processes, 0)
		testkit.Always(t, ttl*3/2, "etcd is stopped", func() bool { return true })
		resume(t, processes, 0)
		testkit.EventuallyWithin(t, ttl+slack, "all are registered", func() bool {
			return e.registered(t, addrA) && e.registered(t, addrB) && e.registered(t, addrC)
		})
	}
	if have := shortest(); have < 3 {
		t.Errorf("have a list of %d instances, want 3", have)
	}
	// A client that is not connected again sees only that an instance is gone, and keeps it. Its
	// connection may end shortly after etcd continues, because a ping was answered too late.
	var since time.Time
	testkit.Eventually(t, "the client follows etcd for a TTL", func() bool {
		s := clients.Status().Services[0]
		if s.Err != nil || s.Kept > 0 || s.Age >= ttl*3/4 || since.IsZero() {
			since = time.Now()
		}
		return time.Since(since) > ttl
	})
	leavesAtOnce(t, i, all[0], addrB, addrC)
	leavesAtOnce(t, i, all[1], addrC)
	leavesAtOnce(t, i, all[2])
}

// After the loss of its data, etcd is reached by one server after the other.
func TestListStaysWhileServersReturnOneAfterTheOther(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	e := startEtcd(t, 1)
	e.raiseRevision(t)
	c := config(e.Endpoints()...)
	c.TTL = 2 * followTTL // longer than a server needs to connect
	addrs := []string{addrA, addrB, addrC}
	var proxies []*faults.Proxy
	for _, addr := range addrs {
		p := startProxy(t, e.Endpoints()[0])
		proxies = append(proxies, p)
		c.Etcd = []string{p.Address()}
		register(t, open(t, c), addr)
	}
	c.Etcd = e.Endpoints()
	i := instancer(t, open(t, c))
	discoverytest.Follow(t, i).WaitFor(t, limit, addrs...)
	shortest := shortestList(i)
	for _, p := range proxies {
		p.Cut()
	}
	e.restart(t, false)
	for n, p := range proxies {
		testkit.Always(t, c.TTL*3/8, "the server cannot register", func() bool {
			return e.absent(t, addrs[n])
		})
		p.Restore()
		testkit.Eventually(t, "the server registers", func() bool {
			return e.registered(t, addrs[n])
		})
	}
	if have := shortest(); have < 3 {
		t.Errorf("have a list of %d instances, want 3", have)
	}
}

// An instance whose server dies is removed when its lease expires, as long as most others stay.
func TestDeadInstanceIsRemovedWithItsLease(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	e := startEtcd(t, 1)
	p := startProxy(t, e.Endpoints()[0])
	register(t, open(t, config(p.Address())), addrA)
	others := e.open(t)
	register(t, others, addrB)
	register(t, others, addrC)
	f := discoverytest.Follow(t, instancer(t, e.open(t)))
	f.WaitFor(t, limit, addrA, addrB, addrC)
	p.Cut()
	f.WaitFor(t, ttl+slack, addrB, addrC)
}
