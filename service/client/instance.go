package client

import (
	"io"
	"sync"

	"github.com/go-kit/kit/endpoint"
	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc"

	"bookservice/service/bookendpoint"
	"bookservice/service/bookgrpc"
)

// An instance is one server and its connection. Closing a gRPC connection fails its active calls.
// The connection is therefore closed only when the instance is retired and its last call has ended.
type instance struct {
	addr    string
	conn    *grpc.ClientConn
	set     bookendpoint.Set
	onClose func() // called once, after the connection is closed

	mu      sync.Mutex
	calls   int // active
	retired bool
}

// newConnector returns a function that makes an instance for an address.
func newConnector(tracer opentracing.Tracer, o options) func(addr string) (*instance, error) {
	return func(addr string) (*instance, error) {
		conn, err := bookgrpc.Dial(addr, o.dial...)
		if err != nil {
			return nil, err
		}
		opts := []bookgrpc.ClientOption{
			bookgrpc.WithPeerAddress(addr), bookgrpc.WithClientLogger(o.logger),
		}
		opts = append(opts, o.client...)
		set := bookgrpc.NewClient(conn, tracer, opts...)
		return &instance{addr: addr, conn: conn, set: set}, nil
	}
}

// acquire reports whether a call may use the connection. If so, release must be called at the
// call's end.
func (in *instance) acquire() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.retired {
		return false
	}
	in.calls++
	return true
}

func (in *instance) release() {
	in.mu.Lock()
	in.calls--
	last := in.retired && in.calls == 0
	in.mu.Unlock()
	if last {
		in.close()
	}
}

// retire declines further calls, and closes the connection if no call is active.
func (in *instance) retire() {
	in.mu.Lock()
	last := !in.retired && in.calls == 0
	in.retired = true
	in.mu.Unlock()
	if last {
		in.close()
	}
}

func (in *instance) close() {
	in.conn.Close() // fails only if the connection is closed already
	in.onClose()
}

// A pool holds the instances that discovery provides.
type pool struct {
	connect func(addr string) (*instance, error)
	first   chan struct{} // closed when the pool gets its first instance
	open    sync.WaitGroup

	mu     sync.Mutex
	live   map[string]*instance // by address
	closed bool
}

func newPool(connect func(addr string) (*instance, error)) *pool {
	return &pool{connect: connect, first: make(chan struct{}), live: map[string]*instance{}}
}

// factory implements [sd.Factory]. An address that discovery provides twice is one instance.
func (p *pool) factory(addr string) (endpoint.Endpoint, io.Closer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, nil, ErrClosed
	}
	in := p.live[addr]
	if in == nil {
		var err error
		if in, err = p.connect(addr); err != nil {
			return nil, nil, err
		}
		in.onClose = p.open.Done
		p.open.Add(1)
		p.live[addr] = in
		p.signalFirst()
	}
	return in.attempt, closerFunc(func() { p.retire(in) }), nil
}

// signalFirst closes p.first unless it is closed.
func (p *pool) signalFirst() {
	select {
	case <-p.first:
	default:
		close(p.first)
	}
}

func (p *pool) retire(in *instance) {
	p.mu.Lock()
	if p.live[in.addr] == in {
		delete(p.live, in.addr)
	}
	p.mu.Unlock()
	in.retire()
}

// retireAll retires all instances, which go-kit's endpointer leaves open. The pool accepts no new
// ones afterwards.
func (p *pool) retireAll() {
	p.mu.Lock()
	p.closed = true
	live := p.live
	p.live = nil
	p.mu.Unlock()
	for _, in := range live {
		in.retire()
	}
}

// wait waits until all connections are closed.
func (p *pool) wait() { p.open.Wait() }

// closerFunc is an [io.Closer] made of a function.
type closerFunc func()

func (c closerFunc) Close() error {
	c()
	return nil
}
