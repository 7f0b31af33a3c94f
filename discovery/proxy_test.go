package discovery_test

import (
	"io"
	"net"
	"sync"
	"testing"

	"bookservice/discovery/internal/testkit"
)

// A proxy forwards connections of a client to etcd. It can cut, freeze and hold them.
type proxy struct {
	target   string
	listener net.Listener

	mu    sync.Mutex
	off   bool          // new connections are closed
	held  chan struct{} // nil, or closed by release
	conns []*proxyConn
}

func startProxy(t *testing.T, target string) *proxy {
	t.Helper()
	p := &proxy{target: target, listener: testkit.Listen(t)}
	go p.serve()
	t.Cleanup(func() { p.cut(); p.release() })
	return p
}

func (p *proxy) address() string { return p.listener.Addr().String() }

func (p *proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.connect(client)
	}
}

// hold keeps back all bytes, also of new connections, until release is called, as TCP does while a
// line is cut or a process is stopped.
func (p *proxy) hold() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = make(chan struct{})
}

func (p *proxy) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held != nil {
		close(p.held)
		p.held = nil
	}
}

// waitWhileHeld returns when nothing is kept back.
func (p *proxy) waitWhileHeld() {
	p.mu.Lock()
	held := p.held
	p.mu.Unlock()
	if held != nil {
		<-held
	}
}

func (p *proxy) connect(client net.Conn) {
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
	c := &proxyConn{proxy: p, client: client, server: server, frozen: make(chan struct{})}
	p.conns = append(p.conns, c)
	go c.forward(server, client)
	go c.forward(client, server)
}

// cut closes all connections, and new ones until restore is called.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.off = true
	for _, c := range p.conns {
		c.close()
	}
}

func (p *proxy) restore() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.off = false
}

// freeze stops forwarding on the current connections and leaves them open.
func (p *proxy) freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.freeze()
	}
}

// A proxyConn is a connection of a client and the one to the target.
type proxyConn struct {
	proxy          *proxy
	client, server net.Conn
	freezing       sync.Once
	frozen         chan struct{} // closed by freeze
}

func (c *proxyConn) forward(to, from net.Conn) {
	defer to.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		c.proxy.waitWhileHeld()
		select {
		case <-c.frozen:
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

func (c *proxyConn) freeze() { c.freezing.Do(func() { close(c.frozen) }) }

func (c *proxyConn) close() {
	c.client.Close()
	c.server.Close()
}
