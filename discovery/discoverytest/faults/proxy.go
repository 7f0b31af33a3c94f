package faults

import (
	"fmt"
	"io"
	"net"
	"sync"
)

// A Proxy forwards connections of clients to etcd, and disturbs them. All methods may be called
// concurrently.
type Proxy struct {
	target   string
	listener net.Listener
	serving  sync.WaitGroup

	mu    sync.Mutex
	off   bool          // new connections are closed
	lost  bool          // new connections are forgotten
	held  chan struct{} // nil, or closed by Release
	conns map[*conn]struct{}
}

// StartProxy starts a proxy on a port of its own that forwards to target, a host:port. The caller
// must call [Proxy.Close].
func StartProxy(target string) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("faults: proxy: %w", err)
	}
	p := &Proxy{target: target, listener: l, conns: map[*conn]struct{}{}}
	p.serving.Go(p.serve)
	return p, nil
}

// Address returns the host:port on which the proxy listens.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

func (p *Proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.connect(client)
	}
}

func (p *Proxy) connect(client net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.off {
		client.Close()
		return
	}
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		client.Close()
		return
	}
	c := &conn{proxy: p, client: client, server: server, forgotten: make(chan struct{})}
	if p.lost {
		c.forget()
	}
	p.conns[c] = struct{}{}
	p.serving.Go(func() { c.forward(server, client) })
	p.serving.Go(func() { c.forward(client, server) })
}

// Hold keeps back all bytes, also of new connections, until Release is called, as TCP does while a
// line is cut or a process is stopped.
func (p *Proxy) Hold() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held == nil {
		p.held = make(chan struct{})
	}
}

// Lose is like Hold, but the current connections, and those that are made until Release is called,
// are forgotten.
func (p *Proxy) Lose() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lost = true
	p.forget()
}

// Release ends Hold and Lose.
func (p *Proxy) Release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lost = false
	if p.held != nil {
		close(p.held)
		p.held = nil
	}
}

// Cut closes all connections, and new ones until Restore is called.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.off = true
	for c := range p.conns {
		c.close()
	}
}

// Restore ends Cut.
func (p *Proxy) Restore() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.off = false
}

// Forget stops forwarding on the current connections and leaves them open, as a firewall does that
// is restarted. New connections work.
func (p *Proxy) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget()
}

func (p *Proxy) forget() {
	for c := range p.conns {
		c.forget()
	}
}

// Close closes the listener and all connections, and waits until nothing is forwarded any more.
func (p *Proxy) Close() {
	p.listener.Close()
	p.Cut()
	p.Release()
	p.serving.Wait()
}

// waitWhileHeld returns when nothing is kept back.
func (p *Proxy) waitWhileHeld() {
	p.mu.Lock()
	held := p.held
	p.mu.Unlock()
	if held != nil {
		<-held
	}
}

// A conn is a connection of a client and the one to the target.
type conn struct {
	proxy          *Proxy
	client, server net.Conn
	forgetting     sync.Once
	forgotten      chan struct{} // closed by forget
}

func (c *conn) forward(to, from net.Conn) {
	defer to.Close()
	defer c.remove()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		c.proxy.waitWhileHeld()
		select {
		case <-c.forgotten:
			_, _ = io.Copy(io.Discard, from) // until it is closed
			return
		default:
		}
		if err != nil {
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// remove removes a connection of which one direction has ended. The other one ends as well.
func (c *conn) remove() {
	c.proxy.mu.Lock()
	defer c.proxy.mu.Unlock()
	delete(c.proxy.conns, c)
}

func (c *conn) forget() { c.forgetting.Do(func() { close(c.forgotten) }) }

func (c *conn) close() {
	c.client.Close()
	c.server.Close()
}
