package grpcserver

import (
	"net"
	"sync"
	"time"
)

// connections are the open connections of a server.
type connections struct {
	mu    sync.Mutex
	all   map[*connection]bool
	until time.Time // limit of all handshakes; zero for none
}

func newConnections() *connections { return &connections{all: map[*connection]bool{}} }

// listener returns l with connections that are in c until they are closed.
func (c *connections) listener(l net.Listener) net.Listener { return trackingListener{l, c} }

type trackingListener struct {
	net.Listener
	conns *connections
}

func (l trackingListener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	conn := &connection{Conn: accepted, conns: l.conns}
	l.conns.mu.Lock()
	defer l.conns.mu.Unlock()
	l.conns.all[conn] = true
	return conn, nil
}

// limitHandshakes ends the handshakes that are not complete at this time.
func (c *connections) limitHandshakes(until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until = until
	for conn := range c.all {
		if !conn.ready {
			_ = conn.Conn.SetDeadline(until) // fails if it is closed
		}
	}
}

// closeAll closes all connections.
func (c *connections) closeAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.all {
		_ = conn.Conn.Close() // the server closes it again, and has the error
	}
}

// A connection knows whether its handshake is complete.
type connection struct {
	net.Conn
	conns *connections
	ready bool // guarded by conns.mu
}

// SetDeadline is called by gRPC before the handshake, and with the zero time after it.
func (c *connection) SetDeadline(t time.Time) error {
	c.conns.mu.Lock()
	defer c.conns.mu.Unlock()
	c.ready = t.IsZero()
	if until := c.conns.until; !c.ready && !until.IsZero() && until.Before(t) {
		t = until
	}
	return c.Conn.SetDeadline(t)
}

func (c *connection) Close() error {
	c.conns.mu.Lock()
	delete(c.conns.all, c)
	c.conns.mu.Unlock()
	return c.Conn.Close()
}
