package discovery_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/go-kit/kit/sd"

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

// The connections of servers and clients stay open, and nothing passes on them, as after the restart
// of a firewall that has forgotten them. New connections work.
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
