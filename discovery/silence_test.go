package discovery_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/go-kit/kit/sd"

	"bookservice/discovery"
	"bookservice/discovery/discoverytest"
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
	e := startEtcd(t, 1)
	servers, clients := startProxy(t, e.Endpoints()[0]), startProxy(t, e.Endpoints()[0])
	c := config(servers.address())
	c.TTL = followTTL
	r := open(t, c)
	register(t, r, addrA)
	register(t, r, addrB)
	c.Etcd = []string{clients.address()}
	i := instancer(t, open(t, c))
	f := discoverytest.Follow(t, i)
	f.WaitFor(t, limit, addrA, addrB)
	shortest := shortestList(i)

	for range 2 {
		servers.freeze()
		clients.freeze()
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
	e := startEtcd(t, 3)
	var proxies []*proxy
	var endpoints []string
	for _, endpoint := range e.Endpoints() {
		p := startProxy(t, endpoint)
		proxies, endpoints = append(proxies, p), append(endpoints, p.address())
	}
	c := config(endpoints...)
	c.TTL = followTTL
	servers := open(t, c)
	register(t, servers, addrA)
	register(t, servers, addrB)
	f := discoverytest.Follow(t, instancer(t, open(t, c)))
	f.WaitFor(t, limit, addrA, addrB)
	for n, p := range proxies {
		p.hold()
		begin := time.Now()
		added := fmt.Sprintf("127.0.0.1:%d", 60000+n)
		e.put(t, key(added), added)
		f.WaitFor(t, c.TTL/3+slack, addrA, addrB, added)
		t.Logf("change received after %s (TTL/3: %s)", time.Since(begin), c.TTL/3)
		testkit.Always(t, c.TTL*3/2, "both are registered", func() bool {
			return e.registered(t, addrA) && e.registered(t, addrB)
		})
		p.release()
		e.delete(t, key(added))
		f.WaitFor(t, limit, addrA, addrB)
	}
}

// The same with processes of the etcd that is installed, of which each is stopped once.
func TestStoppedMemberCostsNoRegistration(t *testing.T) {
	t.Parallel()
	processes := startProcesses(t, 3)
	etcdOf(t, processes...)
	c := config(addresses(processes)...)
	c.TTL = followTTL
	servers := open(t, c)
	register(t, servers, addrA)
	register(t, servers, addrB)
	f := discoverytest.Follow(t, instancer(t, open(t, c)))
	f.WaitFor(t, limit, addrA, addrB)
	for n, p := range processes {
		p.stop(t)
		others := []*process{processes[(n+1)%3], processes[(n+2)%3]}
		e := etcdOf(t, others...) // after an election, if the process is the leader
		added := fmt.Sprintf("127.0.0.1:%d", 60000+n)
		e.putSoon(t, key(added), added)
		begin := time.Now()
		f.WaitFor(t, c.TTL/3+slack, addrA, addrB, added)
		t.Logf("change received after %s (TTL/3: %s)", time.Since(begin), c.TTL/3)
		testkit.Always(t, c.TTL*3/2, "both are registered", func() bool {
			return e.registered(t, addrA) && e.registered(t, addrB)
		})
		p.resume(t)
		e.delete(t, key(added))
		f.WaitFor(t, limit, addrA, addrB)
	}
}

// Register needs no second call if the member that it asks first hangs.
func TestRegisterMovesOnFromAHungMember(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, 3)
	for n, endpoint := range e.Endpoints() {
		p := startProxy(t, endpoint)
		endpoints := e.Endpoints()
		endpoints[n] = p.address()
		c := config(endpoints...)
		c.TTL = followTTL
		for range 3 { // the order of the members is random
			r := open(t, c)
			register(t, r, addrA)
			p.hold()
			begin := time.Now()
			if err := r.Registrar("", addrB).Register(testkit.Context(t, c.Timeout)); err != nil {
				t.Errorf("after %s: %v", time.Since(begin), err)
			}
			p.release()
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// All leases expire, although all servers run.
func TestListStaysWhileServersCannotReachEtcd(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		fault func(p *proxy) (end func())
	}{
		{"held", func(p *proxy) func() { p.hold(); return p.release }},
		{"cut", func(p *proxy) func() { p.cut(); return p.restore }},
	} {
		for _, clientsToo := range []bool{false, true} {
			t.Run(fmt.Sprint(test.name, ", clients too: ", clientsToo), func(t *testing.T) {
				t.Parallel()
				e := startEtcd(t, 1)
				servers := startProxy(t, e.Endpoints()[0])
				clients := startProxy(t, e.Endpoints()[0])
				r := open(t, config(servers.address()))
				a, b := register(t, r, addrA), register(t, r, addrB)
				i := instancer(t, open(t, config(clients.address())))
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

func TestListStaysThroughAStoppedEtcd(t *testing.T) {
	t.Parallel()
	processes := startProcesses(t, 1)
	e := etcdOf(t, processes...)
	servers := open(t, config(addresses(processes)...))
	var all []discovery.Registrar
	for _, addr := range []string{addrA, addrB, addrC} {
		all = append(all, register(t, servers, addr))
	}
	i := instancer(t, open(t, config(addresses(processes)...)))
	f := discoverytest.Follow(t, i)
	f.WaitFor(t, limit, addrA, addrB, addrC)
	shortest := shortestList(i)
	for range 3 {
		processes[0].stop(t)
		testkit.Always(t, ttl*3/2, "etcd is stopped", func() bool { return true })
		processes[0].resume(t)
		testkit.EventuallyWithin(t, ttl+slack, "all are registered", func() bool {
			return e.registered(t, addrA) && e.registered(t, addrB) && e.registered(t, addrC)
		})
	}
	if have := shortest(); have < 3 {
		t.Errorf("have a list of %d instances, want 3", have)
	}
	leavesAtOnce(t, i, all[0], addrB, addrC)
	leavesAtOnce(t, i, all[1], addrC)
	leavesAtOnce(t, i, all[2])
}

// After the loss of its data, etcd is reached by one server after the other.
func TestListStaysWhileServersReturnOneAfterTheOther(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, 1)
	e.raiseRevision(t)
	c := config(e.Endpoints()...)
	c.TTL = followTTL // longer than a server needs to connect
	addrs := []string{addrA, addrB, addrC}
	var proxies []*proxy
	for _, addr := range addrs {
		p := startProxy(t, e.Endpoints()[0])
		proxies = append(proxies, p)
		c.Etcd = []string{p.address()}
		register(t, open(t, c), addr)
	}
	c.Etcd = e.Endpoints()
	i := instancer(t, open(t, c))
	discoverytest.Follow(t, i).WaitFor(t, limit, addrs...)
	shortest := shortestList(i)
	for _, p := range proxies {
		p.cut()
	}
	e.restart(t, false)
	for n, p := range proxies {
		testkit.Always(t, c.TTL/2, "the server cannot register", func() bool {
			return e.absent(t, addrs[n])
		})
		p.restore()
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
	e := startEtcd(t, 1)
	p := startProxy(t, e.Endpoints()[0])
	register(t, open(t, config(p.address())), addrA)
	others := e.open(t)
	register(t, others, addrB)
	register(t, others, addrC)
	f := discoverytest.Follow(t, instancer(t, e.open(t)))
	f.WaitFor(t, limit, addrA, addrB, addrC)
	p.cut()
	f.WaitFor(t, ttl+slack, addrB, addrC)
}
