package discovery

import (
	"context"
	"sync"

	"google.golang.org/grpc/stats"
)

// A connTracker reports the end of connections to etcd. It implements [stats.Handler].
//
// A watch must end with the connection that it was created on. The etcd client resumes a watch at
// the last revision that it has seen. The revisions of an etcd that was restarted without its data
// begin at 1, so a resumed watch would receive nothing for a long time. The state of the gRPC
// channel does not show this: it is ready as long as one of several members is connected.
type connTracker struct {
	mu      sync.Mutex
	current context.Context
	cancel  context.CancelFunc
}

func newConnTracker() *connTracker {
	t := &connTracker{}
	t.current, t.cancel = context.WithCancel(context.Background())
	return t
}

// epoch returns a context that is cancelled when any connection closes, including connections that
// are opened later. As long as it is not cancelled, data that was read after the call to epoch came
// from the etcd that is still connected.
func (t *connTracker) epoch() context.Context {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.current
}

// HandleConn implements [stats.Handler].
func (t *connTracker) HandleConn(_ context.Context, event stats.ConnStats) {
	if _, ok := event.(*stats.ConnEnd); !ok {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cancel()
	t.current, t.cancel = context.WithCancel(context.Background())
}

// TagConn implements [stats.Handler].
func (t *connTracker) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context {
	return ctx
}

// TagRPC implements [stats.Handler].
func (t *connTracker) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	return ctx
}

// HandleRPC implements [stats.Handler].
func (t *connTracker) HandleRPC(context.Context, stats.RPCStats) {}
