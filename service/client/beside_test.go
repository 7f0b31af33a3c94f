package client_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"bookservice/service/client"
	"bookservice/tracer/tracertest/testkit"
)

// A part is what an instance does in an attempt. A nil part is a lost connection: the attempt is
// not sent.
type part func(context.Context) error

func hangs(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func answers(context.Context) error { return nil }

func slowly(d time.Duration) part {
	return func(ctx context.Context) error { return takes(d).(answer)(ctx) }
}

// breaks returns a part that fails after d.
func breaks(d time.Duration) part {
	return func(ctx context.Context) error {
		_ = slowly(d)(ctx)
		return status.Error(codes.Unavailable, "broken")
	}
}

// A play is a call at instances whose parts are known.
type play struct {
	parts    [][]part // of the instances in the order in which the call reaches them
	attempts []client.Attempt
	sent     int // attempts
	active   int // attempts when the call has returned
	took     time.Duration
	err      error

	started atomic.Bool
	mu      sync.Mutex
	actors  map[string]*actor // by address
}

// An actor is an instance. Its parts are those of one attempt each; the last one is repeated.
type actor struct {
	parts   []part
	pending []part // of attempts that have been sent
}

// perform makes the call, in which each instance has its parts.
func perform(t *testing.T, cfg client.Config, deadline time.Duration, parts ...[]part) *play {
	t.Helper()
	p := &play{parts: parts, actors: map[string]*actor{}}
	var addrs []string
	for range parts {
		var addr string
		addr = start(t, answer(func(ctx context.Context) error {
			if !p.started.Load() {
				return nil
			}
			return p.received(addr)(ctx)
		}), nil).addr
		addrs = append(addrs, addr)
	}
	c := dialWith(t, &directory{instances: addrs}, nil, cfg,
		client.WithDialOptions(grpc.WithChainUnaryInterceptor(p.intercept)))
	connected(t, c, len(parts))
	for range 3 * len(parts) {
		if _, err := c.BookInfo(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
	}
	p.started.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	ctx = client.WithObserver(ctx, func(a client.Attempt) { p.attempts = append(p.attempts, a) })
	begin := time.Now()
	_, p.err = c.BookInfo(ctx, 1)
	p.took = time.Since(begin)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.active > 0 {
		t.Errorf("%d attempts are active after the call", p.active)
	}
	t.Logf("%v after %v, %d sent: %+v", p.err, p.took, p.sent, p.attempts)
	return p
}

// intercept sends an attempt unless its part is nil.
func (p *play) intercept(ctx context.Context, method string, request, reply any,
	conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	if p.started.Load() {
		p.change(1)
		defer p.change(-1)
		if !p.send(conn.Target()[strings.LastIndex(conn.Target(), "127."):]) {
			return status.Error(codes.Unavailable, "connection lost")
		}
	}
	return invoke(ctx, method, request, reply, conn, opts...)
}

func (p *play) change(active int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.active += active
}

// send reports whether the next attempt at an instance is sent.
func (p *play) send(addr string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.actors[addr]
	if a == nil {
		a = &actor{parts: p.parts[len(p.actors)]}
		p.actors[addr] = a
	}
	next := a.parts[0]
	if len(a.parts) > 1 {
		a.parts = a.parts[1:]
	}
	if next == nil {
		return false
	}
	p.sent++
	a.pending = append(a.pending, next)
	return true
}

// received returns the part of the attempt that an instance has received.
func (p *play) received(addr string) part {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.actors[addr]
	next := a.pending[0]
	a.pending = a.pending[1:]
	return next
}

// besides returns a configuration with this limit of an attempt.
func besides(limit time.Duration, attempts int, hedge string) client.Config {
	return quick(func(cfg *client.Config) {
		cfg.AttemptTimeout, cfg.RetryAttempts, cfg.Hedge = limit, attempts, hedge
		cfg.Balancer, cfg.RetryBudget = "round_robin", 100
	})
}

// A call that has left all other instances makes an extra attempt beside the active one. This must
// cost no answer that the call would have without it.
func TestExtraAttempt(t *testing.T) {
	testkit.Slow(t)
	const ms = time.Millisecond
	tests := []struct {
		name     string
		limit    time.Duration
		attempts []int // Config.RetryAttempts
		hedge    string
		parts    [][]part
		latest   time.Duration // of the answer
	}{
		{"the first instance was slow", 200 * ms, []int{2, 3, 4}, "0",
			[][]part{{slowly(time.Second), answers}, {hangs}}, 3 * time.Second},
		{"two were slow", 200 * ms, []int{3, 4}, "0",
			[][]part{{slowly(time.Second), answers}, {slowly(time.Second), answers}, {hangs}},
			3 * time.Second},
		{"the second one is slow, then broken", 200 * ms, []int{3, 4, 5}, "0",
			[][]part{{hangs}, {breaks(600 * ms), answers}}, 3 * time.Second},
		{"the third one is slow", 200 * ms, []int{3, 4, 5, 6}, "0",
			[][]part{{hangs}, {hangs}, {slowly(time.Second)}}, 3 * time.Second},
		{"the hedge is later than the extra attempt", 300 * ms, []int{3}, "500ms",
			[][]part{{nil, hangs}, {nil, hangs}, {slowly(800 * ms)}}, 3 * time.Second},
		{"the extra attempt answers before the hedge", 300 * ms, []int{3}, "2s",
			[][]part{{nil, answers}, {nil, answers}, {hangs}}, 1500 * ms},
		{"it is not sent", 200 * ms, []int{3}, "0",
			[][]part{{hangs, nil}, {slowly(time.Second)}}, 3 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, attempts := range tt.attempts {
				cfg := besides(tt.limit, attempts, tt.hedge)
				p := perform(t, cfg, 10*time.Second, tt.parts...)
				if p.err != nil || p.took > tt.latest {
					t.Errorf("with %d attempts have %v after %v, want an answer within %v",
						attempts, p.err, p.took, tt.latest)
				}
				if p.sent > attempts+1 {
					t.Errorf("%d attempts are sent, want at most one more than %d",
						p.sent, attempts)
				}
			}
		})
	}
}

// A hedge that is not sent does not count, once.
func TestUnsentHedgeIsUncountedOnce(t *testing.T) {
	broken := []part{breaks(0)}
	p := perform(t, besides(20*time.Second, 2, "100ms"), 10*time.Second,
		[]part{breaks(300 * time.Millisecond)}, []part{nil}, broken, broken)
	if p.err == nil || p.sent != 2 {
		t.Errorf("have %v after %d attempts that were sent, want an error after 2", p.err, p.sent)
	}
}

// The error of a call at its deadline is that, although a hedge has failed before.
func TestDeadlineAfterAFailedHedge(t *testing.T) {
	p := perform(t, besides(20*time.Second, 2, "50ms"), 500*time.Millisecond,
		[]part{hangs}, []part{breaks(0)})
	if status.Code(p.err) != codes.DeadlineExceeded || p.sent != 2 {
		t.Errorf("have %v after %d attempts, want DeadlineExceeded after 2", p.err, p.sent)
	}
}
