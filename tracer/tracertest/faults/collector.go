package faults

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/openzipkin/zipkin-go/model"
)

// A collector counts the spans that it has accepted. It fails until its fault ends.
type collector struct {
	fault     Fault
	addr      string
	failing   context.Context // ends with the fault
	endFault  context.CancelFunc
	listening chan error // receives once, if the fault is absence: the result of net.Listen
	http      http.Server

	mu    sync.Mutex
	times map[model.ID]int // how often each span has arrived
}

// start starts a collector and its fault.
func start(f Fault) (*collector, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("faults: %w", err)
	}
	c := &collector{
		fault: f, addr: l.Addr().String(),
		times: map[model.ID]int{}, listening: make(chan error, 1),
	}
	c.http.Handler = c
	c.failing, c.endFault = context.WithTimeout(context.Background(), f.Lasts)
	if !f.absent {
		go c.serve(l)
		return c, nil
	}
	context.AfterFunc(c.failing, func() {
		l, err := net.Listen("tcp", c.addr)
		c.listening <- err
		if err == nil {
			c.serve(l)
		}
	})
	return c, l.Close()
}

// Serve starts a collector whose fault begins at once. The caller calls stop to stop it.
func (f Fault) Serve() (url string, stop func(), err error) {
	c, err := start(f)
	if err != nil {
		return "", nil, err
	}
	return c.url(), c.close, nil
}

func (c *collector) url() string { return "http://" + c.addr }

func (c *collector) serve(l net.Listener) { _ = c.http.Serve(l) } // until close

func (c *collector) close() {
	c.endFault()
	_ = c.http.Close()
}

// ServeHTTP implements [http.Handler].
func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if c.fault.answer != nil && c.failing.Err() == nil {
		c.fault.answer(c, w, r)
		return
	}
	c.accept(w, r, nil)
}

// accept accepts the spans of a request, unless check returns a status to refuse them with.
func (c *collector) accept(
	w http.ResponseWriter, r *http.Request, check func(request) (status int),
) {
	in, err := read(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if check != nil {
		if status := check(in); status != 0 {
			w.WriteHeader(status)
			return
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range in.spans {
		c.times[s.ID]++
	}
	w.WriteHeader(http.StatusOK)
}

// arrived returns how many spans have arrived, and how many of them more than once.
func (c *collector) arrived() (spans, duplicated int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.times {
		if n > 1 {
			duplicated++
		}
	}
	return len(c.times), duplicated
}

// wait waits for d, or until the sender disconnects.
func wait(r *http.Request, d time.Duration) {
	select {
	case <-time.After(d):
	case <-r.Context().Done():
	}
}
