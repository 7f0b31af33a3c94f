package discovery

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/stats"
)

// A connTracker reports the end of connections to etcd and can close them. It implements
// [stats.Handler].
//
// A watch must end with the connection that it was created on. The etcd client resumes a watch at
// the last revision that it has seen. The revisions of an etcd that was restarted without its data
// begin at 1, so a resumed watch would receive nothing for a long time. The state of the gRPC
// channel does not show this: it is ready as long as one of several members is connected.
type connTracker struct {
	mu      sync.Mutex
	current context.Context
	cancel  context.CancelFunc
	conns   map[*trackedConn]struct{}
	heard   atomic.Int64 // Unix time in ns at which etcd last sent something on any connection
}

func newConnTracker() *connTracker {
	t := &connTracker{conns: map[*trackedConn]struct{}{}}
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

// end begins a new epoch and closes the connections on which etcd has sent something. It calls
// first before it closes them. It has no effect, and returns false, if epoch has ended already or
// if there is no such connection. Connections that are still being established stay: they have a
// time limit of their own.
func (t *connTracker) end(epoch context.Context, first func()) bool {
	closing := t.take(epoch)
	if len(closing) == 0 {
		return false
	}
	first()
	for _, c := range closing {
		_ = c.Close() // it is broken
	}
	return true
}

// take begins a new epoch if it returns a connection: those that end closes.
func (t *connTracker) take(epoch context.Context) (closing []*trackedConn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if epoch != t.current {
		return nil
	}
	for c := range t.conns {
		if c.lastRead.Load() != 0 {
			closing = append(closing, c)
		}
	}
	if len(closing) > 0 {
		t.advance()
	}
	return closing
}

// advance begins a new epoch. It is called with the lock held.
func (t *connTracker) advance() {
	t.cancel()
	t.current, t.cancel = context.WithCancel(context.Background())
}

// quietFor returns how long etcd has sent nothing on any connection. It returns false if there is
// no connection.
func (t *connTracker) quietFor(now time.Time) (time.Duration, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var last int64
	for c := range t.conns {
		last = max(last, c.lastRead.Load())
	}
	return now.Sub(time.Unix(0, last)), last != 0
}

// lastHeard returns when etcd last sent something on any connection, also one that is closed.
func (t *connTracker) lastHeard() time.Time { return time.Unix(0, t.heard.Load()) }

// HandleConn implements [stats.Handler].
func (t *connTracker) HandleConn(_ context.Context, event stats.ConnStats) {
	if _, ok := event.(*stats.ConnEnd); !ok {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.advance()
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

// A trackedConn is one connection to etcd, after its TLS handshake.
type trackedConn struct {
	net.Conn
	tracker  *connTracker
	lastRead atomic.Int64 // Unix time in ns at which etcd last sent something, 0 for never
}

// Read implements [net.Conn].
func (c *trackedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		now := time.Now().UnixNano()
		c.lastRead.Store(now)
		c.tracker.heard.Store(now)
	}
	return n, err
}

// Write implements [net.Conn]. If it fails on a new connection, its error is that of a read, if
// there is one at once: the TLS alert in which the server says why it refuses a certificate.
func (c *trackedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err == nil || c.lastRead.Load() != 0 {
		return n, err
	}
	if c.SetReadDeadline(time.Now().Add(alertTimeout)) == nil {
		_, alert := c.Conn.Read(make([]byte, 1))
		operation, ok := errors.AsType[*net.OpError](alert)
		if ok && operation.Op == "remote error" {
			err = alert
		}
	}
	return n, err
}

// alertTimeout limits the wait for a TLS alert, which precedes the end of a connection.
const alertTimeout = 50 * time.Millisecond

// Close implements [net.Conn].
func (c *trackedConn) Close() error {
	c.tracker.mu.Lock()
	delete(c.tracker.conns, c)
	c.tracker.mu.Unlock()
	return c.Conn.Close()
}

// trackedCredentials are transport credentials whose connections are tracked.
type trackedCredentials struct {
	credentials.TransportCredentials
	tracker *connTracker
}

// ClientHandshake implements [credentials.TransportCredentials].
func (t trackedCredentials) ClientHandshake(
	ctx context.Context, authority string, raw net.Conn,
) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := t.TransportCredentials.ClientHandshake(ctx, authority, raw)
	if err != nil {
		return nil, nil, err
	}
	c := &trackedConn{Conn: conn, tracker: t.tracker}
	t.tracker.mu.Lock()
	t.tracker.conns[c] = struct{}{}
	t.tracker.mu.Unlock()
	return c, info, nil
}

// Clone implements [credentials.TransportCredentials].
func (t trackedCredentials) Clone() credentials.TransportCredentials {
	return trackedCredentials{t.TransportCredentials.Clone(), t.tracker}
}
