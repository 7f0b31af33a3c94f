package discovery_test

import (
	"fmt"
	"io"
	"net"
	"sync"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"bookservice/discovery/discoverytest"
)

// A proxy stands between a client and etcd, to cut one client off.
type proxy struct {
	target   string
	listener net.Listener

	mu    sync.Mutex
	off   bool // connections end at once
	conns []net.Conn
}

func startProxy(t *testing.T, target string) *proxy {
	t.Helper()
	p := &proxy{target: target, listener: listen(t)}
	go p.serve()
	t.Cleanup(p.cut)
	return p
}

func (p *proxy) address() string { return p.listener.Addr().String() }

func (p *proxy) serve() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.connect(conn)
	}
}

func (p *proxy) connect(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.off {
		conn.Close()
		return
	}
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		conn.Close()
		return
	}
	p.conns = append(p.conns, conn, server)
	go pipe(server, conn)
	go pipe(conn, server)
}

func pipe(to, from net.Conn) {
	io.Copy(to, from)
	to.Close()
}

// cut ends all connections, and new ones until mend.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.off = true
	for _, conn := range p.conns {
		conn.Close()
	}
}

func (p *proxy) mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.off = false
}

func TestInstancerFollowsThroughACompaction(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, 1)
	e.put(t, key(addrA), addrA)
	p := startProxy(t, e.Endpoints()[0])
	f := discoverytest.Follow(t, instancer(t, open(t, config(p.address()))))
	f.WaitFor(t, limit, addrA)

	p.cut()
	var last int64
	for n := range 20 {
		resp, err := e.raw.Put(within(t, limit), "/else", fmt.Sprint(n))
		if err != nil {
			t.Fatal(err)
		}
		last = resp.Header.Revision
	}
	e.delete(t, key(addrA))
	e.put(t, key(addrB), addrB)
	if _, err := e.raw.Compact(within(t, limit), last+2, clientv3.WithCompactPhysical()); err != nil {
		t.Fatal(err)
	}
	p.mend()
	f.WaitFor(t, limit, addrB)
	e.put(t, key(addrC), addrC)
	f.WaitFor(t, limit, addrB, addrC)
}

func TestInstancerReadsOnlyWhatIsItsOwn(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, 1)
	for key, value := range map[string]string{
		key("one"):             addrA,
		key("two"):             addrA, // the same address again
		key("empty"):           "",
		key("other/" + addrB):  addrB,
		"/services/bookshop/x": addrB,
	} {
		e.put(t, key, value)
	}
	f := discoverytest.Follow(t, instancer(t, e.open(t)))
	f.WaitFor(t, limit, addrA)
	// The same while it watches.
	e.put(t, key("other/"+addrC), addrC)
	e.put(t, key("empty"), addrB)
	f.WaitFor(t, limit, addrA, addrB)
	e.put(t, key("empty"), "")
	e.delete(t, key("one"))
	f.WaitFor(t, limit, addrA)
	e.put(t, key("two"), addrC) // an address that moves
	f.WaitFor(t, limit, addrC)
}
