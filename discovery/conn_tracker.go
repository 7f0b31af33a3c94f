package discovery

import (
	"context"
	"sync"

	"google.golang.org/grpc/stats"
)

// connections tells when a connection to etcd has ended, as gRPC's stats.Handler.
//
// A watch must not outlive the connection it was made on: the client library
// resumes it at the revision it had come to, and an etcd that was restarted
// without its data counts from one again and sends nothing for a long time. The
// state of the gRPC channel would not do to notice: it shows only the newest
// state, and stays ready while a second member is connected.
type connections struct {
	mu    sync.Mutex
	epoch context.Context
	end   context.CancelFunc
}

func newConnections() *connections {
	c := &connections{}
	c.epoch, c.end = context.WithCancel(context.Background())
	return c
}

// now returns a context that is over once any connection that is there now, or
// is made later, has ended. What was read after this call was read from etcd as
// it still is unless that context is over.
func (c *connections) now() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.epoch
}

// HandleConn implements stats.Handler.
func (c *connections) HandleConn(_ context.Context, event stats.ConnStats) {
	if _, ok := event.(*stats.ConnEnd); !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.end()
	c.epoch, c.end = context.WithCancel(context.Background())
}

// TagConn implements stats.Handler.
func (c *connections) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// TagRPC implements stats.Handler.
func (c *connections) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// HandleRPC implements stats.Handler.
func (c *connections) HandleRPC(context.Context, stats.RPCStats) {}
