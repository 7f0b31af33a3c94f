package discovery_test

import (
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"bookservice/discovery"
	"bookservice/discovery/discoverytest"
)

func TestRegisteredKeyIsUnderALease(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, 1)
	r := e.open(t)
	for _, test := range []struct{ name, service, addr, key string }{
		{"no service", "", addrA, "/services/book/" + addrA},
		{"service", "admin", addrB, "/services/book/admin/" + addrB},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := r.Registrar(test.service, test.addr).Register(within(t, limit)); err != nil {
				t.Fatal(err)
			}
			have := e.held(t, test.key)
			if have.value != test.addr {
				t.Errorf("have value %q, want %q", have.value, test.addr)
			}
			lease, err := e.raw.TimeToLive(within(t, limit), have.lease, clientv3.WithAttachedKeys())
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
	first := e.held(t, key(addrA))
	stays(t, 2*ttl, "the key under its first lease", func() bool { return e.held(t, key(addrA)) == first })
}

func TestLostRegistrationComesBack(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, 1)
	r := e.open(t)
	for _, test := range []struct {
		name, addr string
		fault      func(*testing.T, string, held)
	}{
		{"lease revoked", "127.0.0.1:1", func(t *testing.T, _ string, h held) { e.revoke(t, h.lease) }},
		{"key deleted", "127.0.0.1:2", func(t *testing.T, key string, _ held) { e.delete(t, key) }},
		{"key overwritten", "127.0.0.1:3", func(t *testing.T, key string, _ held) { e.put(t, key, "x") }},
		{"key without lease", "127.0.0.1:4", func(t *testing.T, key string, h held) { e.put(t, key, h.value) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			register(t, r, test.addr)
			for range 2 { // it comes back more than once
				before := e.held(t, key(test.addr))
				test.fault(t, key(test.addr), before)
				took := poll(t, 2*ttl, "the registration back", func() bool {
					have := e.held(t, key(test.addr))
					return have.value == test.addr && have.lease != 0
				})
				t.Logf("back after %s", took)
			}
		})
	}
}

func TestSeveralRegistrarsDoNotDisturbEachOther(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, 1)
	r, other := e.open(t), e.open(t)
	f := discoverytest.Follow(t, instancer(t, r)) // on the registrars' own connection
	a, b, c := register(t, r, addrA), register(t, r, addrB), register(t, other, addrC)
	f.WaitFor(t, limit, addrA, addrB, addrC)
	want := []held{e.held(t, key(addrA)), e.held(t, key(addrB)), e.held(t, key(addrC))}
	for _, again := range []discovery.Registrar{a, b, c, r.Registrar("", addrA)} {
		if err := again.Register(within(t, limit)); err != nil {
			t.Fatal(err)
		}
	}
	for i, addr := range []string{addrA, addrB, addrC} {
		if have := e.held(t, key(addr)); have != want[i] {
			t.Errorf("have %v after registering twice, want %v", have, want[i])
		}
	}
	if err := b.Deregister(within(t, limit)); err != nil {
		t.Fatal(err)
	}
	f.WaitFor(t, limit, addrA, addrC)
	register(t, r, addrB)
	f.WaitFor(t, limit, addrA, addrB, addrC)
}

func TestDeregisterRemovesTheKeyAtOnce(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, 1)
	r := e.open(t)
	registrar := r.Registrar("", addrA)
	for n := range 20 {
		register(t, r, addrA)
		if n%2 == 0 { // a keeper that mends must not win against Deregister
			e.revoke(t, e.held(t, key(addrA)).lease)
		}
		if err := registrar.Deregister(within(t, limit)); err != nil {
			t.Fatal(err)
		}
		if have := e.held(t, key(addrA)); have != (held{}) {
			t.Fatalf("round %d: have %v right after Deregister, want no key", n, have)
		}
	}
	stays(t, ttl, "no key", func() bool { return e.held(t, key(addrA)) == held{} })
	e.wantNoLeases(t)
}

func TestDeregisterLeavesAKeyThatIsNotOurs(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, 1)
	registrar := register(t, e.open(t), addrA)
	e.put(t, key(addrA), "somebody else's")
	if err := registrar.Deregister(within(t, limit)); err != nil {
		t.Fatal(err)
	}
	// Unless the keeper took it back in between, which it may.
	if have := e.held(t, key(addrA)); have.value != "somebody else's" && have != (held{}) {
		t.Errorf("have %v, want the other's key or none", have)
	}
}

func (e *etcd) wantNoLeases(t *testing.T) {
	t.Helper()
	poll(t, 2*ttl, "no leases left", func() bool {
		leases, err := e.raw.Leases(within(t, limit))
		if err != nil {
			t.Fatal(err)
		}
		return len(leases.Leases) == 0
	})
}
