package client

import (
	"io"
	"sync"

	"bookservice/service/bookendpoint"
	"bookservice/service/bookgrpc"

	"github.com/go-kit/kit/endpoint"
	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc"
)

// An instance is one server with its connection, which lives until the instance is retired and its last call has ended:
// closing a gRPC connection breaks the calls that are on it.
type instance struct {
	addr string
	conn *grpc.ClientConn
	set  bookendpoint.Set
	gone func() // called once, when the connection is closed

	mu      sync.Mutex
	calls   int
	retired bool
}

// connector returns what makes the connection to an instance.
func connector(tracer opentracing.Tracer, o options) func(addr string) (*instance, error) {
	return func(addr string) (*instance, error) {
		conn, err := bookgrpc.Dial(addr, o.dial...)
		if err != nil {
			return nil, err
		}
		opts := []bookgrpc.ClientOption{bookgrpc.WithPeerAddress(addr), bookgrpc.WithClientLogger(o.logger)}
		opts = append(opts, o.client...)
		return &instance{addr: addr, conn: conn, set: bookgrpc.NewClient(conn, tracer, opts...)}, nil
	}
}

// acquire reports whether a call may be made. If so, release must be called at its end.
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

// retire refuses further calls, and closes the connection when there are none left.
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
	in.conn.Close() // its only error is that it was closed before
	in.gone()
}

// A pool has the instances that discovery knows.
type pool struct {
	connect func(addr string) (*instance, error)
	first   chan struct{} // closed with the first instance
	open    sync.WaitGroup

	mu     sync.Mutex
	live   map[string]*instance
	closed bool
}

func newPool(connect func(addr string) (*instance, error)) *pool {
	return &pool{connect: connect, first: make(chan struct{}), live: map[string]*instance{}}
}

// factory implements [sd.Factory]. An address that discovery names twice is still one instance.
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
		in.gone = p.open.Done
		p.open.Add(1)
		p.live[addr] = in
		p.announce()
	}
	return in.attempt, closer(func() { p.retire(in) }), nil
}

func (p *pool) announce() {
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

// retireAll retires all instances, and sees to it that there will be no other. go-kit's endpointer leaves them open.
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

// wait returns when the last connection is closed.
func (p *pool) wait() { p.open.Wait() }

type closer func()

func (c closer) Close() error {
	c()
	return nil
}
