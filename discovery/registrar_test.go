package discovery_test

import (
	"fmt"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"bookservice/discovery"
	"bookservice/discovery/discoverytest"
	"bookservice/discovery/internal/testkit"
)

func TestRegisteredKeyIsUnderALease(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	e := startEtcd(t, 1)
	r := e.open(t)
	for _, test := range []struct{ name, service, addr, key string }{
		{"no service", "", addrA, "/services/" + addrA},
		{"service", "admin", addrB, "/services/admin/" + addrB},
	} {
		t.Run(test.name, func(t *testing.T) {
			registrar := r.Registrar(test.service, test.addr)
			if err := registrar.Register(testkit.Context(t, limit)); err != nil {
				t.Fatal(err)
			}
			have := e.get(t, test.key)
			if have.value != test.addr {
				t.Errorf("have value %q, want %q", have.value, test.addr)
			}
			lease, err := e.raw.TimeToLive(testkit.Context(t, limit), have.lease,
				clientv3.WithAttachedKeys())
			if err != nil {
				t.Fatal(err)
			}
			if lease.GrantedTTL != int64(ttl.Seconds()) {
				t.Errorf("have a lease of %d s, want %s", lease.GrantedTTL, ttl)
			}
			if len(lease.Keys) != 1 || string(lease.Keys[0]) != test.key {
				t.Errorf("have keys %q under the lease, want %s", lease.Keys, test.key)
			}
		})
	}
	first := e.get(t, key(addrA))
	testkit.Always(t, 2*ttl, "the key is under its first lease", func() bool {
		return e.get(t, key(addrA)) == first
	})
}

func TestKeyOfADeadServerExpires(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	e := startEtcd(t, 1)
	p := startProxy(t, e.Endpoints()[0])
	register(t, open(t, config(p.Address())), addrA)

	p.Cut() // as a server that is dead, it renews nothing
	took := testkit.EventuallyWithin(t, ttl+slack, "the key expired", func() bool {
		return e.absent(t, addrA)
	})
	t.Logf("expired after %s", took)
	p.Restore()
	took = testkit.EventuallyWithin(t, 2*ttl, "the registration is restored", func() bool {
		return e.registered(t, addrA)
	})
	t.Logf("restored after %s", took)
}

func TestLostRegistrationIsRestored(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, 1)
	r := e.open(t)
	for _, test := range []struct {
		name, addr string
		fault      func(t *testing.T, key string, before entry)
	}{
		{"lease revoked", "127.0.0.1:1", func(t *testing.T, _ string, before entry) {
			e.revoke(t, before.lease)
		}},
		{"key deleted", "127.0.0.1:2", func(t *testing.T, key string, _ entry) {
			e.delete(t, key)
		}},
		{"key overwritten", "127.0.0.1:3", func(t *testing.T, key string, _ entry) {
			e.put(t, key, "x")
		}},
		{"value overwritten", "127.0.0.1:5", func(t *testing.T, key string, before entry) {
			_, err := e.raw.Put(testkit.Context(t, limit), key, "x",
				clientv3.WithLease(before.lease))
			if err != nil {
				t.Fatal(err)
			}
		}},
		{"key without lease", "127.0.0.1:4", func(t *testing.T, key string, before entry) {
			e.put(t, key, before.value)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			register(t, r, test.addr)
			for range 2 { // it is restored more than once
				test.fault(t, key(test.addr), e.get(t, key(test.addr)))
				took := testkit.EventuallyWithin(t, 2*ttl, "the registration is restored",
					func() bool { return e.registered(t, test.addr) })
				t.Logf("restored after %s", took)
			}
		})
	}
}

// A server does not wait for the next renewal.
func TestLostKeyIsRestoredAtOnce(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, 1)
	c := config(e.Endpoints()...)
	c.TTL = 20 * ttl
	register(t, open(t, c), addrA)
	for _, test := range []struct {
		name string
		lose func()
	}{
		{"key deleted", func() { e.delete(t, key(addrA)) }},
		{"lease revoked", func() { e.revoke(t, e.get(t, key(addrA)).lease) }},
		{"key overwritten", func() { e.put(t, key(addrA), addrB) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.lose()
			took := testkit.EventuallyWithin(t, c.TTL/10, "the registration is restored",
				func() bool { return e.registered(t, addrA) })
			t.Logf("restored after %s", took)
		})
	}
}

// The keepers of many registrations read their keys together.
func TestManyLostRegistrationsAreRestored(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	e := startEtcd(t, 1)
	r := e.open(t)
	const many = 120 // more than one request reads
	address := func(n int) string { return fmt.Sprintf("10.0.0.%d:5000", n) }
	for n := range many {
		register(t, r, address(n))
	}
	for n := range many {
		switch n % 4 {
		case 0:
			e.delete(t, key(address(n)))
		case 1:
			e.put(t, key(address(n)), "x")
		case 2:
			e.revoke(t, e.get(t, key(address(n))).lease)
		}
	}
	took := testkit.EventuallyWithin(t, 2*ttl+slack, "all are restored", func() bool {
		for n := range many {
			if !e.registered(t, address(n)) {
				return false
			}
		}
		return true
	})
	t.Logf("restored after %s", took)
}

func TestRegisteringAgainCreatesNoSecondKey(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, 1)
	r := e.open(t)
	a := register(t, r, addrA)
	want := e.get(t, key(addrA))
	for _, again := range []discovery.Registrar{a, r.Registrar("", addrA)} {
		if err := again.Register(testkit.Context(t, limit)); err != nil {
			t.Fatal(err)
		}
		if have := e.get(t, key(addrA)); have != want {
			t.Errorf("have %v after registering again, want %v", have, want)
		}
	}
	resp, err := e.raw.Get(testkit.Context(t, limit), "/", clientv3.WithPrefix())
	if err != nil {
		t.Fatal(err)
	}
	if resp.Count != 1 {
		t.Errorf("have %d keys, want 1", resp.Count)
	}
}

func TestRegistrarsDoNotAffectEachOther(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, 1)
	r, other := e.open(t), e.open(t)
	f := discoverytest.Follow(t, instancer(t, r)) // shares the connection of two registrars
	a, b, c := register(t, r, addrA), register(t, r, addrB), register(t, other, addrC)
	f.WaitFor(t, limit, addrA, addrB, addrC)
	want := []entry{e.get(t, key(addrA)), e.get(t, key(addrB)), e.get(t, key(addrC))}
	for _, again := range []discovery.Registrar{a, b, c, r.Registrar("", addrA)} {
		if err := again.Register(testkit.Context(t, limit)); err != nil {
			t.Fatal(err)
		}
	}
	for i, addr := range []string{addrA, addrB, addrC} {
		if have := e.get(t, key(addr)); have != want[i] {
			t.Errorf("have %v after registering again, want %v", have, want[i])
		}
	}
	deregister(t, b)
	f.WaitFor(t, limit, addrA, addrC)
	register(t, r, addrB)
	f.WaitFor(t, limit, addrA, addrB, addrC)
}

func TestDeregisterRemovesTheKey(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	e := startEtcd(t, 1)
	r := e.open(t)
	registrar := r.Registrar("", addrA)
	for n := range 20 {
		register(t, r, addrA)
		if n%2 == 0 { // a keeper that restores the key must not win against Deregister
			e.revoke(t, e.get(t, key(addrA)).lease)
		}
		deregister(t, registrar)
		if have := e.get(t, key(addrA)); have != (entry{}) {
			t.Fatalf("round %d: have %v after Deregister, want no key", n, have)
		}
	}
	testkit.Always(t, ttl, "there is no key", func() bool { return e.absent(t, addrA) })
	testkit.EventuallyWithin(t, 2*ttl, "there is no lease", func() bool {
		leases, err := e.raw.Leases(testkit.Context(t, limit))
		if err != nil {
			t.Fatal(err)
		}
		return len(leases.Leases) == 0
	})
}

// The instancer keeps instances whose keys have vanished, because their servers most likely run. A
// server that stops before it has restored its key says so.
func TestInstanceWithoutAKeyLeavesAtOnce(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, 1)
	c := config(e.Endpoints()...)
	c.TTL = 10 * ttl // the servers notice nothing
	for _, test := range []struct {
		name   string
		vanish func(addr string)
	}{
		{"key deleted", func(addr string) { e.delete(t, key(addr)) }},
		{"lease revoked", func(addr string) { e.revoke(t, e.get(t, key(addr)).lease) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			servers, clients := open(t, c), open(t, c)
			for n := range 16 { // so many keys are not watched
				other := servers.Registrar("other", fmt.Sprintf("127.0.0.1:%d", 1+n))
				if err := other.Register(testkit.Context(t, limit)); err != nil {
					t.Fatal(err)
				}
			}
			a, b := register(t, servers, addrA), register(t, servers, addrB)
			f := discoverytest.Follow(t, instancer(t, clients))
			f.WaitFor(t, limit, addrA, addrB)
			test.vanish(addrA)
			test.vanish(addrB)
			testkit.Eventually(t, "both instances are kept", func() bool {
				return clients.Status().Services[0].Kept == 2
			})
			deregister(t, a)
			f.WaitFor(t, c.TTL/3, addrB)
			if err := servers.Close(); err != nil { // deregisters b
				t.Error(err)
			}
			f.WaitFor(t, c.TTL/3)
			if err := b.Deregister(t.Context()); err != nil {
				t.Error(err)
			}
			if !e.absent(t, addrA) || !e.absent(t, addrB) {
				t.Error("have a key after Deregister and Close, want none")
			}
		})
	}
}

func TestDeregisterKeepsAKeyOfAnotherOwner(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, 1)
	registrar := register(t, e.open(t), addrA)
	e.put(t, key(addrA), "of another owner")
	deregister(t, registrar)
	// The keeper may have overwritten the value in between; then Deregister removes the key.
	if have := e.get(t, key(addrA)); have.value != "of another owner" && have != (entry{}) {
		t.Errorf("have %v, want the value of the other owner or no key", have)
	}
}

func TestInvalidInstanceIsNotRegistered(t *testing.T) {
	t.Parallel()
	const (
		noScheme = "must be host:port without a scheme"
		hostPort = "must be host:port with a port of 1 to 65535"
	)
	c := config(testkit.ClosedAddr(t))
	static := discovery.Config{Kind: "static", Instances: []string{addrA}}
	for _, test := range []struct{ service, addr, want string }{
		{"", "http://10.0.0.1:80", `address "http://10.0.0.1:80" ` + noScheme},
		{"", "dns:///x:1", `address "dns:///x:1" ` + noScheme},
		{"", "grpc://10.0.0.1:80", `address "grpc://10.0.0.1:80" ` + noScheme},
		{"", "http://u:s3cret@h:1", `address "xxxxx" ` + noScheme},
		{"", "u:s3cret@h:1", `address "xxxxx" ` + hostPort},
		{"", "", `address "" ` + hostPort},
		{"", "10.0.0.1", `address "10.0.0.1" ` + hostPort},
		{"a/b", addrA, `service "a/b" must not contain a slash`},
	} {
		for _, r := range []discovery.Registry{open(t, c), open(t, static)} {
			registrar := r.Registrar(test.service, test.addr)
			err := registrar.Register(testkit.Context(t, limit))
			if want := "discovery: register: " + test.want; err == nil || err.Error() != want {
				t.Errorf("%q, %q: have %v, want %s", test.service, test.addr, err, want)
			}
			if err := registrar.Deregister(testkit.Context(t, limit)); err != nil {
				t.Errorf("Deregister: have %v, want nil", err)
			}
		}
	}
}
