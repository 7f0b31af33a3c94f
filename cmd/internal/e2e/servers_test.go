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

	"bookservice/api/book"
	"bookservice/discovery"
	"bookservice/service/client"

	"github.com/opentracing/opentracing-go"
)

// A caller calls the service in the background, found through etcd, and notes who answered and what failed.
type caller struct {
	client *client.Client
	stop   context.CancelFunc
	idle   sync.WaitGroup

	calls  atomic.Int64
	mu     sync.Mutex
	asked  map[string]int // attempts by instance
	missed map[string]int // those of them that failed
	failed []error        // calls
}

// pace is the least time from one call of a goroutine to the next: under more load leases would run out on a small machine.
const pace = 10 * time.Millisecond

// call starts four goroutines that call one after the other until the test ends, a minute at most.
func call(t *testing.T, e *etcd) *caller {
	t.Helper()
	dc := discovery.DefaultConfig()
	dc.Etcd = e.Endpoints()
	dc.Prefix = prefix
	dc.TTL = ttl
	registry, err := discovery.Open(t.Context(), dc)
	if err != nil {
		t.Fatal(err)
	}
	instancer, err := registry.Instancer("")
	if err != nil {
		t.Fatal(err)
	}
	c := &caller{asked: map[string]int{}, missed: map[string]int{}}
	if c.client, err = client.New(instancer, opentracing.NoopTracer{}, client.DefaultConfig(), client.WithLogger(slog.New(slog.DiscardHandler))); err != nil {
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
		c.asked[a.Instance]++
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

// more waits for so many further calls.
func (c *caller) more(t *testing.T, calls int64) {
	t.Helper()
	from := c.calls.Load()
	eventually(t, "further calls are made", func() bool { return c.calls.Load() >= from+calls })
}

// attempts returns how often the instance was asked.
func (c *caller) attempts(instance string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked[instance]
}

// misses returns how often that was in vain.
func (c *caller) misses(instance string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.missed[instance]
}

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
		t.Errorf("%d of %d calls failed, the first with %v", len(c.failed), c.calls.Load(), c.failed[0])
	}
}

func TestCallsAlternate(t *testing.T) {
	t.Parallel()
	e := startEtcd(t)
	_, a := serve(t, e.at()...)
	_, b := serve(t, e.at()...)
	code, out, errs := do(t, "bookclient", append(e.at(), "-json", "-n", "10"))
	if code != 0 {
		t.Fatalf("status %d: %s", code, errs)
	}
	var asked []string
	for line := range strings.Lines(out) {
		var run struct{ Instances []string }
		if err := json.Unmarshal([]byte(line), &run); err != nil {
			t.Fatal(err)
		}
		asked = append(asked, run.Instances...)
	}
	if len(asked) != 20 {
		t.Fatalf("have %d attempts, want 20: two calls in each of 10 runs", len(asked))
	}
	for i, instance := range asked {
		if (instance != a && instance != b) || instance != asked[i%2] || asked[0] == asked[1] {
			t.Fatalf("have %v, want %s and %s in turn", asked, a, b)
		}
	}
}

// A server that is killed cannot say goodbye: its key stays for its TTL, and retries hide that it is gone.
func TestKilledServer(t *testing.T) {
	t.Parallel()
	e := startEtcd(t)
	killed, a := serve(t, e.at()...)
	_, b := serve(t, e.at()...)
	c := call(t, e)
	c.more(t, 50)
	killed.signal(t, syscall.SIGKILL)
	<-killed.done
	eventually(t, "attempts fail, as the key is still there", func() bool { return c.misses(a) > 0 })
	// The lease is looked at by etcd every half second or so, on a busy machine less often.
	took := within(t, limit, "the key is gone", func() bool { return slices.Equal(e.registered(t), []string{b}) })
	t.Logf("the key was gone %v after the kill", took)
	eventually(t, "the client has heard of it", func() bool {
		before := c.attempts(a)
		c.more(t, 100)
		return c.attempts(a) == before
	})
	before := c.attempts(a)
	c.more(t, 200)
	if after := c.attempts(a); after != before {
		t.Errorf("the dead server was asked %d times after its lease had run out", after-before)
	}
	c.end()
	c.check(t)
}

// A server that is asked to stop leaves etcd first, and no call notices.
func TestStoppedServer(t *testing.T) {
	t.Parallel()
	e := startEtcd(t)
	stopped, a := serve(t, append(e.at(), "-drain-delay", "2s")...)
	_, b := serve(t, e.at()...)
	c := call(t, e)
	c.more(t, 50)
	stopped.signal(t, syscall.SIGTERM)
	eventually(t, "the key is gone", func() bool { return slices.Equal(e.registered(t), []string{b}) })
	// Who has not heard of it yet still gets an answer.
	if _, err := book.NewBookServiceClient(dial(t, a)).GetBookInfo(t.Context(), &book.BookInfoParams{BookId: 1}); err != nil {
		t.Errorf("have %v after the key was gone, want an answer", err)
	}
	if code := stopped.wait(t); code != 0 {
		t.Errorf("have status %d, want 0", code)
	}
	c.more(t, 200)
	before := c.attempts(a)
	c.more(t, 200)
	if after := c.attempts(a); after != before {
		t.Errorf("the stopped server was asked %d times more", after-before)
	}
	c.end()
	c.check(t)
}

// After a restart of etcd the registration is back within two TTLs and stays, and a client that was there all along sees it.
func TestEtcdRestart(t *testing.T) {
	t.Parallel()
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
			c.more(t, 50) // the last good list stays in use
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
			eventually(t, "the client sees a new server", func() bool { return c.attempts(b) > 0 })
			before := c.attempts(a)
			eventually(t, "the client still asks the old one", func() bool { return c.attempts(a) > before })
			c.end()
			c.check(t)
		})
	}
}
