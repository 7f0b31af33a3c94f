package discovery_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"bookservice/discovery"
	"bookservice/discovery/discoverytest"
)

// messages is a log that keeps the messages only.
type messages struct {
	slog.Handler
	mu   sync.Mutex
	list []string
}

func newMessages() *messages { return &messages{Handler: slog.DiscardHandler} }

func (m *messages) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }
func (m *messages) WithAttrs([]slog.Attr) slog.Handler               { return m }
func (m *messages) Handle(_ context.Context, r slog.Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.list = append(m.list, r.Message)
	return nil
}

func (m *messages) sorted() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(slices.Values(m.list))
}

func (m *messages) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.list = nil
}

func TestRegistrationSurvivesARestartOfEtcd(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		keepData bool
	}{
		{"with its data", true},
		{"without its data", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			e := startEtcd(t, 1)
			for n := range 100 { // brings the old revision far ahead of a new etcd's
				e.put(t, "/else", fmt.Sprint(n))
			}
			log := newMessages()
			c := impatient(e.Endpoints()...)
			servers, clients := open(t, c, discovery.WithLogger(slog.New(log))), open(t, c)
			a, b := register(t, servers, addrA), register(t, servers, addrB)
			f := discoverytest.Follow(t, instancer(t, clients))
			f.WaitFor(t, limit, addrA, addrB)
			before := e.held(t, key(addrA))
			log.forget()

			e.Stop()
			f.WaitForError(t, limit)
			poll(t, limit, "both losses logged", func() bool { return len(log.sorted()) == 2 })
			e.restart(t, test.keepData)

			took := poll(t, 2*ttl, "both registrations back", func() bool {
				return e.held(t, key(addrA)).lease != 0 && e.held(t, key(addrB)).lease != 0
			})
			t.Logf("registrations back after %s", took)
			if kept := e.held(t, key(addrA)).lease == before.lease; kept != test.keepData {
				t.Errorf("have the old lease: %t, want %t", kept, test.keepData)
			}
			poll(t, limit, "both recoveries logged", func() bool { return len(log.sorted()) == 4 })
			lost, back := "registration lost", "registration back"
			if have, want := log.sorted(), []string{back, back, lost, lost}; !slices.Equal(have, want) {
				t.Errorf("have log %q, want %q", have, want)
			}

			// The instancer's watch is alive: it sees what happens from now on.
			if event := f.Next(t, limit); event.Err != nil || !slices.Equal(event.Instances, []string{addrA, addrB}) {
				t.Errorf("have event %v after the outage, want the list of before", event)
			}
			begin := time.Now()
			register(t, servers, addrC)
			f.WaitFor(t, limit, addrA, addrB, addrC)
			if err := errors.Join(a.Deregister(within(t, limit)), b.Deregister(within(t, limit))); err != nil {
				t.Fatal(err)
			}
			f.WaitFor(t, limit, addrC)
			t.Logf("changes seen after %s", time.Since(begin))
		})
	}
}

func TestQuickRestartWithoutDataIsNoticed(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, 1)
	for n := range 100 {
		e.put(t, "/else", fmt.Sprint(n))
	}
	e.put(t, key(addrA), addrA)
	c := config(e.Endpoints()...)
	c.Timeout = limit // no request fails: the outage is not told, and yet noticed
	f := discoverytest.Follow(t, instancer(t, open(t, c)))
	f.WaitFor(t, limit, addrA)
	e.restart(t, false)
	e.put(t, key(addrB), addrB)
	f.WaitFor(t, limit, addrA, addrB)
	f.WaitFor(t, limit, addrB) // after the time of patience
}

func TestKnownInstancesAreKeptWhenEtcdLosesItsData(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, 1)
	e.put(t, key(addrA), addrA) // by a server that is dead and will not come back
	c := config(e.Endpoints()...)
	c.TTL = 2 * ttl // time enough for what has to happen meanwhile
	f := discoverytest.Follow(t, instancer(t, open(t, c)))
	f.WaitFor(t, limit, addrA)

	begin := time.Now()
	e.restart(t, false)
	e.put(t, key(addrB), addrB)
	f.WaitFor(t, limit, addrA, addrB)
	e.delete(t, key(addrB)) // deleted, not lost: goes at once
	f.WaitFor(t, limit, addrA)
	f.WaitFor(t, limit)
	took := time.Since(begin)
	t.Logf("believed the empty etcd after %s", took)
	if took < c.TTL {
		t.Errorf("have given up known instances after %s, want not before %s", took, c.TTL)
	}
}

func TestLastGoodListStaysInUse(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, 1)
	e.put(t, key(addrA), addrA)
	log := newMessages()
	c := config(e.Endpoints()...)
	c.Timeout = 300 * time.Millisecond
	i := instancer(t, open(t, c, discovery.WithLogger(slog.New(log))))
	early := discoverytest.Follow(t, i)
	early.WaitFor(t, limit, addrA)
	log.forget() // a first read that was too slow

	e.Stop()
	want := fmt.Sprintf("discovery: etcd %s did not answer: context deadline exceeded", e.Endpoints()[0])
	err := early.WaitForError(t, limit)
	if err.Error() != want || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("have error %v, want %s", err, want)
	}
	poll(t, limit, "the outage logged", func() bool { return len(log.sorted()) == 1 })
	// Long enough for several more reads that fail.
	for range 5 {
		late := discoverytest.Follow(t, i)
		begin := time.Now()
		late.WaitFor(t, limit, addrA)
		if took := time.Since(begin); took > time.Second {
			t.Errorf("have the last good list after %s, want it at once", took)
		}
		late.WaitForError(t, limit)
		if err := discovery.Wait(within(t, limit), i); err != nil {
			t.Errorf("have %v while the last good list is in use, want nil", err)
		}
		stays(t, 300*time.Millisecond, "the log with one line", func() bool { return len(log.sorted()) == 1 })
	}

	e.restart(t, true)
	if event := early.Next(t, limit); event.Err != nil || !slices.Equal(event.Instances, []string{addrA}) {
		t.Errorf("have event %v after one outage, want the list", event)
	}
	if have, want := log.sorted(), []string{"instances not readable", "instances readable"}; !slices.Equal(have, want) {
		t.Errorf("have log %q, want %q", have, want)
	}
}

func TestOneMemberOfThreeStops(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, 3)
	servers, clients := e.open(t), e.open(t)
	register(t, servers, addrA)
	f := discoverytest.Follow(t, instancer(t, clients))
	f.WaitFor(t, limit, addrA)

	if err := e.StopMember(0); err != nil {
		t.Fatal(err)
	}
	b := register(t, servers, addrB)
	f.WaitFor(t, limit, addrA, addrB)
	stays(t, ttl+ttl/2, "both registrations", func() bool {
		return e.held(t, key(addrA)).lease != 0 && e.held(t, key(addrB)).lease != 0
	})
	if err := b.Deregister(within(t, limit)); err != nil {
		t.Fatal(err)
	}
	f.WaitFor(t, limit, addrA)
}
