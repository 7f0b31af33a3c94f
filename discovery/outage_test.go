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
	"bookservice/discovery/internal/testkit"
)

// A recorder is a [slog.Handler] that keeps the messages of level Info and above.
type recorder struct {
	slog.Handler
	mu       sync.Mutex
	messages []string
}

func newRecorder() *recorder { return &recorder{Handler: slog.DiscardHandler} }

func (r *recorder) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo
}

func (r *recorder) WithAttrs([]slog.Attr) slog.Handler { return r }

func (r *recorder) Handle(_ context.Context, record slog.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.messages = append(r.messages, record.Message)
	return nil
}

func (r *recorder) sorted() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(slices.Values(r.messages))
}

func (r *recorder) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.messages = nil
}

// A registration is logged as lost only if etcd has lost it.
func TestRegistrationSurvivesARestartOfEtcd(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
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
			e.raiseRevision(t)
			log := newRecorder()
			c := shortTimeout(e.Endpoints()...)
			servers := open(t, c, discovery.WithLogger(slog.New(log)))
			clients := open(t, c)
			a, b := register(t, servers, addrA), register(t, servers, addrB)
			f := discoverytest.Follow(t, instancer(t, clients))
			f.WaitFor(t, limit, addrA, addrB)
			before := e.get(t, key(addrA))
			log.reset()

			e.Stop()
			_ = f.WaitForError(t, limit)
			doubt, lost := "registration not confirmed", "registration lost"
			testkit.Eventually(t, "both doubts are logged", func() bool {
				return slices.Equal(log.sorted(), []string{doubt, doubt})
			})
			e.restart(t, test.keepData)

			took := testkit.EventuallyWithin(t, 2*ttl, "both registrations are restored",
				func() bool { return e.registered(t, addrA) && e.registered(t, addrB) })
			t.Logf("registrations restored after %s", took)
			if same := e.get(t, key(addrA)).lease == before.lease; same != test.keepData {
				t.Errorf("have the former lease: %t, want %t", same, test.keepData)
			}
			confirmed, restored := "registration confirmed", "registration restored"
			want := []string{confirmed, confirmed, doubt, doubt}
			if !test.keepData {
				want = []string{lost, lost, doubt, doubt, restored, restored}
			}
			testkit.Eventually(t, "both recoveries are logged", func() bool {
				return len(log.sorted()) >= len(want)
			})
			if have := log.sorted(); !slices.Equal(have, want) {
				t.Errorf("have log %q, want %q", have, want)
			}

			// The instancer follows later changes.
			event := f.Next(t, limit)
			if event.Err != nil || !slices.Equal(event.Instances, []string{addrA, addrB}) {
				t.Errorf("have event %v after the outage, want the former list", event)
			}
			begin := time.Now()
			register(t, servers, addrC)
			f.WaitFor(t, limit, addrA, addrB, addrC)
			deregister(t, a)
			deregister(t, b)
			f.WaitFor(t, limit, addrC)
			t.Logf("changes received after %s", time.Since(begin))
		})
	}
}

// No request fails in these restarts: the instancer reports no outage, and must notice them by the
// end of its connection.
func TestInstancerFollowsThroughARestart(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
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
			e.raiseRevision(t)
			e.put(t, key(addrA), addrA)
			c := config(e.Endpoints()...)
			c.Timeout = limit
			f := discoverytest.Follow(t, instancer(t, open(t, c)))
			f.WaitFor(t, limit, addrA)
			e.restart(t, test.keepData)
			e.put(t, key(addrB), addrB)
			f.WaitFor(t, limit, addrA, addrB)
			if !test.keepData {
				f.WaitFor(t, limit, addrB) // after the grace period
			}
		})
	}
}

func TestInstancesAreKeptForAGracePeriod(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	e := startEtcd(t, 1)
	e.put(t, key(addrA), addrA) // its server does not register again
	c := config(e.Endpoints()...)
	c.TTL = 2 * ttl // long enough for the steps below
	f := discoverytest.Follow(t, instancer(t, open(t, c)))
	f.WaitFor(t, limit, addrA)

	begin := time.Now()
	e.restart(t, false)
	e.put(t, key(addrB), addrB)
	f.WaitFor(t, limit, addrA, addrB)
	e.delete(t, key(addrB)) // was not lost: removed at once
	f.WaitFor(t, limit, addrA)
	f.WaitFor(t, limit)
	took := time.Since(begin)
	t.Logf("removed known instances after %s", took)
	if took < c.TTL {
		t.Errorf("removed known instances after %s, want after %s or more", took, c.TTL)
	}
}

func TestLastListStaysInUseDuringAnOutage(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	e := startEtcd(t, 1)
	e.put(t, key(addrA), addrA)
	log := newRecorder()
	c := config(e.Endpoints()...)
	c.Timeout = 300 * time.Millisecond
	i := instancer(t, open(t, c, discovery.WithLogger(slog.New(log))))
	early := discoverytest.Follow(t, i)
	early.WaitFor(t, limit, addrA)
	log.reset() // the first read may have been too slow

	e.Stop()
	want := fmt.Sprintf("discovery: etcd %s did not answer: context deadline exceeded"+
		" (dial tcp %[1]s: connect: connection refused)", e.Endpoints()[0])
	err := early.WaitForError(t, limit)
	if err.Error() != want || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("have error %v, want %s", err, want)
	}
	testkit.Eventually(t, "the outage is logged", func() bool { return len(log.sorted()) == 1 })
	// Long enough for several more reads, all of which fail.
	for range 5 {
		late := discoverytest.Follow(t, i)
		begin := time.Now()
		late.WaitFor(t, limit, addrA)
		if took := time.Since(begin); took > time.Second {
			t.Errorf("received the last list after %s, want it at once", took)
		}
		_ = late.WaitForError(t, limit)
		if err := discovery.Wait(testkit.Context(t, limit), i); err != nil {
			t.Errorf("Wait: have %v during the outage, want nil", err)
		}
		testkit.Always(t, c.Timeout, "the log has one line", func() bool {
			return len(log.sorted()) == 1
		})
	}

	e.restart(t, true)
	event := early.Next(t, limit)
	if event.Err != nil || !slices.Equal(event.Instances, []string{addrA}) {
		t.Errorf("have event %v after the outage, want the list", event)
	}
	wantLog := []string{"cannot read instances", "reading instances works again"}
	if have := log.sorted(); !slices.Equal(have, wantLog) {
		t.Errorf("have log %q, want %q", have, wantLog)
	}
}

func TestInstancerFollowsThroughTheLossOfAMember(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
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
	testkit.Always(t, ttl+ttl/2, "both are registered", func() bool {
		return e.registered(t, addrA) && e.registered(t, addrB)
	})
	deregister(t, b)
	f.WaitFor(t, limit, addrA)
}

// The client stays connected to a member that has no leader any more.
func TestLossOfTheMajorityIsReported(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	e := startEtcd(t, 3)
	e.put(t, key(addrA), addrA)
	f := discoverytest.Follow(t, instancer(t, open(t, shortTimeout(e.Endpoints()[2]))))
	f.WaitFor(t, limit, addrA)
	for i := range 2 {
		if err := e.StopMember(i); err != nil {
			t.Fatal(err)
		}
	}
	_ = f.WaitForError(t, limit)
	e.restart(t, true)
	f.WaitFor(t, limit, addrA)
}

// An event says whether its error is logged already, so that its receiver need not repeat it.
func TestErrorsSayWhetherTheyAreLogged(t *testing.T) {
	t.Parallel()
	c := config(testkit.ClosedAddr(t))
	c.Timeout = 100 * time.Millisecond
	for name, log := range map[string]*slog.Logger{
		"logged": slog.New(newRecorder()), "no logger": nil,
		"only errors": slog.New(slog.NewTextHandler(&testkit.Buffer{},
			&slog.HandlerOptions{Level: slog.LevelError})),
	} {
		r := open(t, c, discovery.WithLogger(log))
		err := discoverytest.Follow(t, instancer(t, r)).WaitForError(t, limit)
		var e interface{ Logged() bool }
		logged := errors.As(err, &e) && e.Logged()
		if want := name == "logged"; logged != want {
			t.Errorf("%s: have %t for %v, want %t", name, logged, err, want)
		}
	}
}
