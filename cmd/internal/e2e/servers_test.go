package e2e_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"

	"bookservice/api/book"
	"bookservice/discovery"
	"bookservice/service/client"
	"bookservice/tracer/tracertest/testkit"
)

// A caller discovers the service in etcd and calls it in the background. It counts the attempts of
// each instance and records the calls that failed.
type caller struct {
	client *client.Client
	stop   context.CancelFunc
	idle   sync.WaitGroup

	calls  atomic.Int64
	mu     sync.Mutex
	tried  map[string]int // attempts by instance
	missed map[string]int // failed attempts by instance
	failed []error        // the errors of calls
}

// pace is the minimum time between two calls of a goroutine: under more load leases expire on a
// small machine.
const pace = 10 * time.Millisecond

// call starts four goroutines, each of which makes one call after the other until the test ends,
// for a minute at most.
func call(t *testing.T, e *etcd) *caller {
	t.Helper()
	dc := discovery.DefaultConfig()
	dc.Etcd, dc.Prefix, dc.TTL = e.Endpoints(), prefix, ttl
	registry, err := discovery.Open(t.Context(), dc)
	if err != nil {
		t.Fatal(err)
	}
	instancer, err := registry.Instancer("")
	if err != nil {
		t.Fatal(err)
	}
	c := &caller{tried: map[string]int{}, missed: map[string]int{}}
	c.client, err = client.New(instancer, opentracing.NoopTracer{}, client.DefaultConfig(),
		client.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	c.stop = cancel
	if err := c.client.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		c.idle.Go(func() {
			tick := time.NewTicker(pace)
			defer tick.Stop()
			for ; ctx.Err() == nil; <-tick.C {
				c.once(ctx)
			}
		})
	}
	t.Cleanup(func() {
		c.end()
		c.client.Close()
		registry.Close()
	})
	return c
}

func (c *caller) once(ctx context.Context) {
	observed := client.WithObserver(context.WithoutCancel(ctx), func(a client.Attempt) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.tried[a.Instance]++
		if a.Err != nil {
			c.missed[a.Instance]++
		}
	})
	_, err := c.client.BookList(observed, 1, 10)
	c.calls.Add(1)
	if err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.failed = append(c.failed, err)
	}
}

func (c *caller) end() {
	c.stop()
	c.idle.Wait()
}

// more waits until this many more calls are made.
func (c *caller) more(t *testing.T, calls int64) {
	t.Helper()
	from := c.calls.Load()
	testkit.Eventually(t, "more calls are made", func() bool {
		return c.calls.Load() >= from+calls
	})
}

// attempts returns the number of attempts of the instance.
func (c *caller) attempts(instance string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tried[instance]
}

// misses returns the number of its failed attempts.
func (c *caller) misses(instance string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.missed[instance]
}

// unharmed reports whether no call has failed.
func (c *caller) unharmed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.failed) == 0
}

func (c *caller) check(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.failed) > 0 {
		t.Errorf("%d of %d calls failed, the first with %v",
			len(c.failed), c.calls.Load(), c.failed[0])
	}
}

// next starts bookclient and waits until it has called all these instances: before, calls go to the
// one that is connected first. It returns how many of the next 20 attempts each instance got.
func next(t *testing.T, instances []string, args ...string) map[string]int {
	t.Helper()
	p := start(t, "bookclient", append(args, "-json", "-n", "10000"))
	var rest []string
	testkit.Eventually(t, "20 attempts after the first at each instance", func() bool {
		rest = attempts(t, p.out.String())
		from := 0
		for _, instance := range instances {
			i := slices.Index(rest, instance)
			if i < 0 {
				return false
			}
			from = max(from, i)
		}
		rest = rest[from:]
		return len(rest) >= 20
	})
	p.signal(t, syscall.SIGKILL)
	p.wait(t)
	count := map[string]int{}
	for _, instance := range rest[:20] {
		count[instance]++
	}
	return count
}

// attempts returns the instance of each attempt in the complete lines of what bookclient wrote.
func attempts(t *testing.T, out string) (all []string) {
	t.Helper()
	for line := range strings.Lines(out[:strings.LastIndex(out, "\n")+1]) {
		var run struct{ Instances []string }
		if err := json.Unmarshal([]byte(line), &run); err != nil {
			t.Fatal(err)
		}
		all = append(all, run.Instances...)
	}
	return all
}

func TestCallsAreDistributed(t *testing.T) {
	t.Parallel()
	e := startEtcd(t)
	_, a := serve(t, e.at()...)
	_, b := serve(t, e.at()...)
	have := next(t, []string{a, b}, append(e.at(), "-balancer", "round_robin")...)
	if have[a] < 5 || have[b] < 5 || have[a]+have[b] != 20 {
		t.Errorf("have %v of 20 attempts, want about 10 at %s and at %s", have, a, b)
	}
}

// The metadata of the servers reaches the client: calls stay in its zone, and weights count.
func TestMetadataOfServers(t *testing.T) {
	t.Parallel()
	e := startEtcd(t)
	_, a := serve(t, append(e.at(), "-instance-metadata", "zone=a,weight=1000")...)
	_, b := serve(t, append(e.at(), "-instance-metadata", "zone=b,weight=1")...)
	for _, zone := range []struct{ name, addr string }{{"a", a}, {"b", b}} {
		have := next(t, []string{zone.addr}, append(e.at(), "-zone", zone.name)...)
		if have[zone.addr] < 15 {
			t.Errorf("have %v of 20 attempts, want (nearly) all in zone %s at %s",
				have, zone.name, zone.addr)
		}
	}
	have := next(t, []string{a}, append(e.at(), "-balancer", "weighted")...)
	if have[a] < 15 {
		t.Errorf("have %v of 20 attempts, want (nearly) all at %s by weight", have, a)
	}
}

// A server that is killed cannot deregister: its key stays for the TTL. Its connection is lost, so
// calls are made at the other server at once, and retries hide the failures of the calls in flight.
func TestKilledServer(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	e := startEtcd(t)
	killed, a := serve(t, e.at()...)
	_, b := serve(t, e.at()...)
	c := call(t, e)
	c.more(t, 50)
	killed.signal(t, syscall.SIGKILL)
	<-killed.done
	noFurtherAttempt := func() bool {
		before := c.attempts(a)
		c.more(t, 100)
		return c.attempts(a) == before
	}
	testkit.Eventually(t, "the client does not try the server any more", noFurtherAttempt)
	t.Logf("%d attempts failed; registered are %v", c.misses(a), e.registered(t))
	// etcd checks leases about every half second, on a busy machine less often.
	took := within(t, limit, "the key is gone", func() bool {
		return slices.Equal(e.registered(t), []string{b})
	})
	t.Logf("the key was gone %v after the kill", took)
	if !noFurtherAttempt() {
		t.Error("the dead server was tried after its lease had expired")
	}
	c.end()
	c.check(t)
}

// A server that gets a signal deregisters first, and no call fails.
func TestStoppedServer(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	e := startEtcd(t)
	stopped, a := serve(t, append(e.at(), "-drain-delay", "2s")...)
	_, b := serve(t, e.at()...)
	c := call(t, e)
	c.more(t, 50)
	stopped.signal(t, syscall.SIGTERM)
	testkit.Eventually(t, "the key is gone", func() bool {
		return slices.Equal(e.registered(t), []string{b})
	})
	// A client that has not noticed yet still gets a response.
	late := book.NewBookServiceClient(dial(t, a))
	if _, err := late.GetBookInfo(t.Context(), &book.BookInfoParams{BookId: 1}); err != nil {
		t.Errorf("have %v after the key was gone, want a response", err)
	}
	if code := stopped.wait(t); code != 0 {
		t.Errorf("have status %d, want 0", code)
	}
	c.more(t, 200)
	before := c.attempts(a)
	c.more(t, 200)
	if after := c.attempts(a); after != before {
		t.Errorf("the stopped server was tried %d more times", after-before)
	}
	c.end()
	c.check(t)
}

// After a restart of etcd the registration is back within two TTLs and stays. A client that runs
// all the time uses it.
func TestEtcdRestart(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	for name, test := range map[string]struct {
		keep bool
		down time.Duration
	}{
		"with its data":                 {true, 0},
		"without its data":              {false, 0},
		"without its data, after a TTL": {false, ttl + ttl/4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := startEtcd(t)
			_, a := serve(t, e.at()...)
			c := call(t, e)
			c.more(t, 50)
			e.Stop()
			c.more(t, 50) // with the instances that were known last
			stays(t, test.down, "no call fails", c.unharmed)
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			if err := e.Restart(ctx, test.keep); err != nil {
				t.Fatal(err)
			}
			registered := func() bool { return slices.Equal(e.registered(t), []string{a}) }
			took := within(t, 2*ttl, "the registration is back", registered)
			t.Logf("back after %v", took)
			stays(t, ttl+ttl/4, "it is registered", registered)
			_, b := serve(t, e.at()...)
			testkit.Eventually(t, "the client uses a new server", func() bool {
				return c.attempts(b) > 0
			})
			before := c.attempts(a)
			testkit.Eventually(t, "the client still uses the old one", func() bool {
				return c.attempts(a) > before
			})
			c.end()
			c.check(t)
		})
	}
}
