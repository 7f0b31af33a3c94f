// Package conns holds what the senders share about their connections. Closing a sender never waits
// for the network, and a connection that has died without a word is replaced.
package conns

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"time"
)

// ConnectTimeout limits an attempt to connect, with its handshakes. It may outlive the request that
// began it.
const ConnectTimeout = time.Minute

// dialTimeout limits an attempt to open a socket to all addresses of a host. [net.Dialer] gives
// each address its share, so that a second address is tried before the client is replaced, which
// happens after two time-outs of 10 s.
const dialTimeout = 15 * time.Second

// keepAlive is the period of the probes that the operating system sends on an idle connection.
const keepAlive = 30 * time.Second

// Sockets opens connections and can close all of them at once. Its methods may be called
// concurrently. The zero value is ready.
type Sockets struct {
	mu     sync.Mutex
	open   map[*socket]struct{}
	closed bool
}

// Dial connects to the address, which is as for [net.Dial]. It returns when ctx ends, and after
// 15 s at the latest.
func (s *Sockets) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive}
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c := &socket{conn, s}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		conn.Close()
		return nil, net.ErrClosed
	}
	if s.open == nil {
		s.open = map[*socket]struct{}{}
	}
	s.open[c] = struct{}{}
	return c, nil
}

// DialTLS is like Dial with a TLS handshake, for which the server's name is the host of the address
// unless config has one. It does not change config.
func (s *Sockets) DialTLS(
	ctx context.Context, network, address string, config *tls.Config,
) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, ConnectTimeout)
	defer cancel()
	conn, err := s.Dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if config.ServerName == "" {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			conn.Close()
			return nil, err
		}
		config = config.Clone()
		config.ServerName = host
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secure, nil
}

// Close closes all connections, and those that are being opened. It does not wait for the peers.
func (s *Sockets) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for c := range s.open {
		c.Conn.Close()
	}
	s.open = nil
}

// A socket is an open connection.
type socket struct {
	net.Conn
	sockets *Sockets
}

// Close implements [net.Conn].
func (c *socket) Close() error {
	c.sockets.mu.Lock()
	delete(c.sockets.open, c)
	c.sockets.mu.Unlock()
	return c.Conn.Close()
}
