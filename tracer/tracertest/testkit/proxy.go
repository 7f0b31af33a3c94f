package testkit

import (
	"net"
	"sync"
	"testing"
)

// A Proxy forwards TCP connections, which can die without a word. Its methods may be called
// concurrently.
type Proxy struct {
	// Addr is the address that the proxy listens on.
	Addr string

	to     string
	end    chan struct{}
	mu     sync.Mutex
	conns  int
	frozen chan struct{} // closed by Freeze, for the connections until then
}

// NewProxy starts a proxy for the address, and stops it at the end of the test.
func NewProxy(t testing.TB, to string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{
		Addr: l.Addr().String(), to: to, end: make(chan struct{}), frozen: make(chan struct{}),
	}
	t.Cleanup(func() { l.Close(); close(p.end) })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.serve(conn)
		}
	}()
	return p
}

func (p *Proxy) serve(conn net.Conn) {
	peer, err := net.Dial("tcp", p.to)
	if err != nil {
		conn.Close()
		return
	}
	p.mu.Lock()
	p.conns++
	frozen := p.frozen
	p.mu.Unlock()
	done := make(chan struct{})
	var both sync.WaitGroup
	both.Go(func() { p.forward(peer, conn, frozen) })
	both.Go(func() { p.forward(conn, peer, frozen) })
	go func() { both.Wait(); close(done) }()
	go func() {
		select {
		case <-done:
		case <-p.end:
		}
		conn.Close()
		peer.Close()
	}()
}

// forward copies until one side ends. After that, or when the connection is frozen, it waits.
func (p *Proxy) forward(to, from net.Conn, frozen <-chan struct{}) {
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		select {
		case <-frozen:
			<-p.end
			return
		default:
		}
		if _, writeErr := to.Write(b[:n]); err != nil || writeErr != nil {
			to.Close()
			return
		}
	}
}

// Freeze makes the open connections forward nothing any more. They are not closed before the end of
// the test, as if a router had forgotten them. Connections that are opened later work.
func (p *Proxy) Freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.frozen)
	p.frozen = make(chan struct{})
}

// Conns returns how many connections have been opened.
func (p *Proxy) Conns() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.conns
}
