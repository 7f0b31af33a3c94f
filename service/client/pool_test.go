package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-kit/kit/endpoint"
	"github.com/go-kit/kit/sd"
	"google.golang.org/grpc"

	"bookservice/service/bookendpoint"
	"bookservice/service/client/internal/balance"
	"bookservice/tracer/tracertest/testkit"
)

func addressOf(n int) string { return fmt.Sprintf("10.0.%d.%d:5000", n/250, n%250) }

func addresses(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = addressOf(i)
	}
	slices.Sort(list)
	return list
}

// unconnected returns a pool with n instances that are up without connections, and its channel of
// events.
func unconnected(t testing.TB, n int) (*pool, chan<- sd.Event) {
	t.Helper()
	p := openPool(nil, defaultBalancing(), options{}, slog.New(slog.DiscardHandler))
	p.launch = func(in *instance) {
		p.balancer.SetState(0, in.endpoint, balance.Up)
		p.open.Done()
	}
	s := subscribe(sd.FixedInstancer(addresses(n)), p)
	t.Cleanup(func() {
		s.end()
		p.open.Wait()
	})
	return p, s.events
}

// changes returns a function that makes one change of a list with n instances, from the copy that
// discovery makes for each subscriber until the instance is in the pool.
func changes(t testing.TB, n int) func() {
	t.Helper()
	_, events := unconnected(t, n)
	lists := [2][]string{addresses(n), nil}
	lists[1] = slices.Clone(lists[0])
	lists[1][5] += "0" // behind the others with this beginning
	k := 0
	return func() {
		k++
		events <- sd.Event{Instances: slices.Clone(lists[k%2])}
		events <- sd.Event{Err: errSync}
	}
}

func benchmarkChange(n int) func(*testing.B) {
	return func(b *testing.B) {
		change := changes(b, n)
		b.ReportAllocs()
		for b.Loop() {
			change()
		}
	}
}

func BenchmarkOneOfManyChanges(b *testing.B) {
	for _, n := range []int{10, 1000, 10_000} {
		b.Run(fmt.Sprint(n), benchmarkChange(n))
	}
}

// fastest returns the mean duration of a change in the fastest of many short runs, since other
// processes slow most of them down.
func fastest(t *testing.T, runs, changes int, change func()) time.Duration {
	t.Helper()
	best := time.Duration(math.MaxInt64)
	for range runs {
		begin := time.Now()
		for range changes {
			change()
		}
		best = min(best, time.Since(begin)/time.Duration(changes))
	}
	return best
}

// The copy that discovery makes of the list is the only one: 1,000 strings have 16,384 bytes with
// the allocator's rounding. The change in discovery costs 15 µs, which leaves 45 µs.
func TestCostOfOneChange(t *testing.T) {
	if r := testing.Benchmark(benchmarkChange(1000)); r.AllocedBytesPerOp() > 17_000 {
		t.Errorf("have %d bytes for one change of 1,000 instances, want 17,000 or less",
			r.AllocedBytesPerOp())
	}
	have := fastest(t, 200, 50, changes(t, 1000))
	t.Log(have)
	if have > 45*time.Microsecond && !testkit.RaceDetector {
		t.Errorf("have %s for the change of one of 1,000 instances, want 45µs or less", have)
	}
}

// A list that has not changed allocates nothing and changes no instance.
func TestCostOfNoChange(t *testing.T) {
	if testkit.WithoutRaceDetector(t) {
		return
	}
	p, events := unconnected(t, 1000)
	same := sd.Event{Instances: addresses(1000)}
	events <- same
	events <- same // the first one has made the array that is reused
	events <- sd.Event{Err: errSync}
	before := slices.Clone(p.live)
	n := testing.AllocsPerRun(100, func() {
		events <- same
		events <- sd.Event{Err: errSync}
	})
	if n != 0 {
		t.Errorf("have %v allocations for a list that has not changed, want 0", n)
	}
	if !slices.Equal(p.live, before) {
		t.Error("the instances have changed")
	}
}

// Neither the list nor calls wait for connections: while 999 new ones cannot be made, an instance
// that is up is picked, and others come and leave.
func TestConnectionsAreMadeOutsideAnyLock(t *testing.T) {
	p := openPool(nil, defaultBalancing(), options{}, slog.New(slog.DiscardHandler))
	var dials sync.WaitGroup
	leave, errLate := make(chan struct{}), errors.New("too late")
	p.dial = func(string) (*grpc.ClientConn, bookendpoint.Set, error) {
		dials.Done()
		<-leave
		return nil, bookendpoint.Set{}, errLate
	}
	p.launch = func(in *instance) {
		if in.addr != "10.9.9.9:1" {
			go in.run()
			return
		}
		p.balancer.SetState(0, in.endpoint, balance.Up)
		p.open.Done()
	}
	s := subscribe(sd.FixedInstancer{}, p)
	c := &Client{pool: p, subscription: s}
	dials.Add(connectSlots)
	s.events <- sd.Event{Instances: addresses(999)}
	dials.Wait() // as many as can begin at once
	all := append(addresses(999), "10.9.9.9:1")
	s.events <- sd.Event{Instances: all}
	s.events <- sd.Event{Err: errSync}
	for range 3 {
		in, err := c.acquire(t.Context(), &call{})
		if err != nil || in.addr != "10.9.9.9:1" {
			t.Fatalf("have %v, %v, want the instance that is up", in, err)
		}
		in.release()
	}
	s.events <- sd.Event{Instances: all[500:]}
	s.events <- sd.Event{Err: errSync}
	if n := len(c.Stats().Instances); n != 500 {
		t.Errorf("have %d instances, want 500", n)
	}
	dials.Add(999)
	close(leave)
	s.end()
	p.open.Wait()
}

// Concurrent attempts of a call get different instances, as long as there are some.
func TestConcurrentAttemptsDiffer(t *testing.T) {
	for _, name := range balance.Names() {
		b := balance.New(balance.Config{Picker: name})
		for i := range 8 {
			b.SetState(0, b.Add(0, addressOf(i), nil, balance.Attributes{Weight: 1}), balance.Up)
		}
		for range 50 {
			cl := &call{}
			picked := make(chan string, 8)
			var attempts sync.WaitGroup
			for range 8 {
				attempts.Go(func() {
					picked <- cl.pick(b).Address
					cl.ended(nil)
				})
			}
			attempts.Wait()
			close(picked)
			different := map[string]bool{}
			for address := range picked {
				different[address] = true
			}
			if len(different) != 8 {
				t.Fatalf("%s: have %d instances for 8 attempts, want 8", name, len(different))
			}
			if cl.pick(b) == nil {
				t.Errorf("%s: have no instance for the ninth attempt", name)
			}
		}
	}
}

// BenchmarkAttempt measures what the choice of an instance and its statistics add to an attempt.
func BenchmarkAttempt(b *testing.B) {
	p, _ := unconnected(b, 3)
	answer := func(context.Context, any) (any, error) { return bookendpoint.InfoResponse{}, nil }
	for _, in := range p.live {
		in.set.Info = answer
	}
	infoOf := func(s *bookendpoint.Set) endpoint.Endpoint { return s.Info }
	c, m := &Client{pool: p}, &method{endpointOf: infoOf}
	b.ReportAllocs()
	for b.Loop() {
		cl := &call{method: m}
		if _, err := c.tryNext(b.Context(), cl); err != nil {
			b.Fatal(err)
		}
	}
}
