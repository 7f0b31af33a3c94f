package conns

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// maxTimeouts is how many requests in a row may end without an answer in time before the connection
// counts as dead.
const maxTimeouts = 2

// closeTimeout is how long a client may take to say goodbye to its peer.
const closeTimeout = 500 * time.Millisecond

// A Renewed holds a client of type C, and replaces it when its connection is dead: when two
// requests in a row have ended by the deadline of their contexts. Any other end of a request resets
// the count. Requests in flight keep the client that they began with. The methods may be called
// concurrently.
type Renewed[C any] struct {
	// Open returns a new client that connects through sockets. It does not wait for the peer.
	Open func(sockets *Sockets) (C, error)
	// Shut closes a client. It may wait for the peer until the sockets are closed.
	Shut func(C)
	// Stale reports whether a client must not be used for further requests. It may be nil.
	Stale func(C) bool

	mu      sync.Mutex
	current *generation[C]
	closed  bool
}

// A generation is one client. The mutex of its Renewed guards it.
type generation[C any] struct {
	client   C
	sockets  *Sockets
	requests int // in flight
	timeouts int // in a row
	retired  bool
}

// Do calls request with the client. After Close it returns [net.ErrClosed].
func (r *Renewed[C]) Do(ctx context.Context, request func(C) error) error {
	g, err := r.acquire()
	if err != nil {
		return err
	}
	timedOut := false
	defer func() { r.release(g, timedOut) }()
	err = request(g.client)
	timedOut = err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded)
	return err
}

func (r *Renewed[C]) acquire() (*generation[C], error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, net.ErrClosed
	}
	if g := r.current; g != nil && r.Stale != nil && r.Stale(g.client) {
		r.retire(g)
	}
	if r.current == nil {
		sockets := &Sockets{}
		client, err := r.Open(sockets)
		if err != nil {
			return nil, err
		}
		r.current = &generation[C]{client: client, sockets: sockets}
	}
	r.current.requests++
	return r.current, nil
}

func (r *Renewed[C]) release(g *generation[C], timedOut bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	g.requests--
	if !timedOut {
		g.timeouts = 0
	} else if g.timeouts++; g.timeouts == maxTimeouts && g == r.current {
		r.retire(g)
		return
	}
	if g.retired && g.requests == 0 {
		go r.abandon(g)
	}
}

// retire makes the next request open another client. g is closed when its last request has ended.
// The caller holds the lock.
func (r *Renewed[C]) retire(g *generation[C]) {
	r.current, g.retired = nil, true
	if g.requests == 0 {
		go r.abandon(g)
	}
}

// abandon closes a client without a word to its peer.
func (r *Renewed[C]) abandon(g *generation[C]) {
	g.sockets.Close()
	r.Shut(g.client)
}

// Close closes the client, also under requests in flight. It returns within 500 ms; if the peer
// does not take part, the connections are closed without it.
func (r *Renewed[C]) Close() {
	r.mu.Lock()
	g := r.current
	r.current, r.closed = nil, true
	r.mu.Unlock()
	if g == nil {
		return
	}
	done := make(chan struct{})
	go func() { defer close(done); r.Shut(g.client) }()
	timer := time.NewTimer(closeTimeout)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
	g.sockets.Close()
}
