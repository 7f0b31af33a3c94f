package discovery_test

import (
	"errors"
	"testing"

	"bookservice/discovery"
	"bookservice/discovery/discoverytest"
	"bookservice/discovery/internal/testkit"
)

func TestStatusReportsRegistrationsAndLists(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	e := startEtcd(t, 1)
	e.put(t, key("bad"), "no address")
	p := startProxy(t, e.Endpoints()[0])
	c := config(p.Address())
	r := open(t, c)
	if have := r.Status(); len(have.Registrations)+len(have.Services) > 0 {
		t.Errorf("have %+v at the beginning, want nothing", have)
	}
	a := register(t, r, addrA)
	discoverytest.Follow(t, instancer(t, r)).WaitFor(t, limit, addrA)
	testkit.Always(t, 2*ttl, "the status is good", func() bool {
		s := r.Status()
		return len(s.Registrations) == 1 && s.Registrations[0].Registered &&
			s.Registrations[0].Err == nil && !s.Registrations[0].Since.IsZero() &&
			len(s.Services) == 1 && s.Services[0].Instances == 1 && s.Services[0].Skipped == 1 &&
			s.Services[0].Kept == 0 && s.Services[0].Err == nil && s.Services[0].Age < ttl
	})

	// While etcd is out of reach, the age of the list grows, and the registration is lost.
	p.Hold()
	testkit.Eventually(t, "the status is bad", func() bool {
		s := r.Status()
		return !s.Registrations[0].Registered && s.Registrations[0].Err != nil &&
			s.Services[0].Instances == 1 && s.Services[0].Age > 2*ttl && s.Services[0].Err != nil
	})
	p.Release()
	testkit.Eventually(t, "the status is good again", func() bool {
		s := r.Status()
		return s.Registrations[0].Registered && s.Registrations[0].Err == nil &&
			s.Services[0].Age < ttl && s.Services[0].Err == nil
	})
	deregister(t, a)
	if have := r.Status().Registrations; len(have) > 0 {
		t.Errorf("have %+v after Deregister, want no registration", have)
	}
}

func TestStatusReportsInstancesThatAreKept(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	e := startEtcd(t, 1)
	p := startProxy(t, e.Endpoints()[0])
	register(t, open(t, config(p.Address())), addrA)
	r := e.open(t)
	discoverytest.Follow(t, instancer(t, r)).WaitFor(t, limit, addrA)
	p.Cut()
	testkit.Eventually(t, "the instance is kept", func() bool {
		s := r.Status().Services[0]
		return s.Kept == 1 && s.Instances == 1
	})
	p.Restore()
	testkit.Eventually(t, "the instance is registered", func() bool {
		return r.Status().Services[0].Kept == 0
	})
}

func TestInstancesAreTheListUntilEtcdAnswers(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	e := startEtcd(t, 1)
	e.put(t, key(addrC), addrC)
	e.Stop()
	c := shortTimeout(e.Endpoints()...)
	c.Instances = []string{addrB, addrA}
	r := open(t, c)
	i := instancer(t, r)
	f := discoverytest.Follow(t, i)
	f.WaitFor(t, slack, addrA, addrB)
	if err := discovery.Wait(testkit.Context(t, limit), i); err != nil {
		t.Error(err)
	}
	_ = f.WaitForError(t, limit)
	discoverytest.Follow(t, i).WaitFor(t, slack, addrA, addrB)
	e.restart(t, true)
	f.WaitFor(t, limit, addrC)
	e.delete(t, key(addrC))
	f.WaitFor(t, limit)
	err := discovery.Wait(testkit.Context(t, slack), i)
	if !errors.Is(err, discovery.ErrNoInstances) {
		t.Errorf("have %v, want ErrNoInstances", err)
	}
}

// While nothing changes, the bytes of the connection confirm the list. When it is lost, the age
// counts from there.
func TestAgeCountsFromTheLossOfTheConnection(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	e := startEtcd(t, 1)
	p := startProxy(t, e.Endpoints()[0])
	e.put(t, key(addrA), addrA)
	r := open(t, config(p.Address()))
	discoverytest.Follow(t, instancer(t, r)).WaitFor(t, limit, addrA)
	young := func() bool { return r.Status().Services[0].Age < ttl }
	testkit.Always(t, 3*ttl, "the list is confirmed", young)
	p.Cut()
	testkit.Always(t, ttl/4, "the list was confirmed until the connection was cut", young)
}
