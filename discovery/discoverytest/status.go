package discoverytest

import (
	"testing"

	"bookservice/discovery"
	"bookservice/discovery/internal/testkit"
)

func testStatusReportsLists(t *testing.T, s suite) {
	a, b := s.addresses()
	s.register(t, "books", a)
	s.register(t, "books", b)
	if have := s.registry.Status().Services; len(have) > 0 {
		t.Errorf("have %+v without an instancer, want none", have)
	}
	i := s.instancer(t, "books")
	Follow(t, i).WaitFor(t, s.Within, s.list(a, b)...)
	have := s.registry.Status().Services
	if len(have) != 1 || have[0].Service != "books" || have[0].Err != nil ||
		have[0].Instances != len(s.list(a, b)) || have[0].Kept != 0 || have[0].Skipped != 0 ||
		have[0].Age < 0 || have[0].Age > s.Within {
		t.Errorf("have %+v, want a current list of %d instances", have, len(s.list(a, b)))
	}
	i.Stop()
	if have := s.registry.Status().Services; len(have) > 0 {
		t.Errorf("have %+v after Stop, want none", have)
	}
}

func testStatusReportsRegistrations(t *testing.T, s suite) {
	a, b := s.addresses()
	second, first := s.register(t, "shops", a), s.register(t, "books", b)
	want := func(addrs ...string) {
		t.Helper()
		have := s.registry.Status().Registrations
		ok := len(have) == len(addrs)
		for n := range addrs {
			ok = ok && have[n].Address == addrs[n] && have[n].Registered && have[n].Err == nil
		}
		if !ok {
			t.Errorf("have registrations %+v, want %q", have, addrs)
		}
	}
	want(b, a) // sorted by service
	s.deregister(t, second)
	want(b)
	s.deregister(t, first)
	want()
}

// An instancer may keep instances whose registrations are lost. Those that deregister are removed,
// even if all do.
func testAllLeaveAtOnce(t *testing.T, s suite) {
	addrs := []string{"127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"}
	var all []discovery.Registrar
	for _, addr := range addrs {
		all = append(all, s.register(t, "books", addr))
	}
	i := s.instancer(t, "books")
	f := Follow(t, i)
	f.WaitFor(t, s.Within, addrs...)
	for _, r := range all {
		s.deregister(t, r)
	}
	f.WaitFor(t, s.Within)
	testkit.EventuallyWithin(t, s.Within, "no instance is kept", func() bool {
		return s.registry.Status().Services[0].Kept == 0
	})
}
