package faults

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// A collector counts the spans that it has taken. While its fault lasts it goes wrong.
type collector struct {
	fault     Fault
	addr      string
	wrong     context.Context // ends with the fault
	over      context.CancelFunc
	listening chan error // told once whether it listens
	http      http.Server

	mu    sync.Mutex
	times map[id]int // that each span has arrived
}

// begin starts a collector, and its fault.
func begin(f Fault) (*collector, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("faults: %w", err)
	}
	c := &collector{fault: f, addr: l.Addr().String(), times: map[id]int{}, listening: make(chan error, 1)}
	c.http.Handler = c
	c.wrong, c.over = context.WithTimeout(context.Background(), f.Lasts)
	if !f.absent {
		go c.serve(l)
		return c, nil
	}
	context.AfterFunc(c.wrong, func() {
		l, err := net.Listen("tcp", c.addr)
		c.listening <- err
		if err == nil {
			c.serve(l)
		}
	})
	return c, l.Close()
}

// Serve starts a collector whose fault begins at once. It goes on until stop is called.
func (f Fault) Serve() (url string, stop func(), err error) {
	c, err := begin(f)
	if err != nil {
		return "", nil, err
	}
	return c.url(), c.close, nil
}

func (c *collector) url() string { return "http://" + c.addr }

func (c *collector) serve(l net.Listener) { _ = c.http.Serve(l) } // until close

func (c *collector) close() {
	c.over()
	_ = c.http.Close()
}

// ServeHTTP implements http.Handler.
func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if c.fault.answer != nil && c.wrong.Err() == nil {
		c.fault.answer(c, w, r)
		return
	}
	c.take(w, r, nil)
}

// take takes the spans of a request, unless check finds a status to refuse them with.
func (c *collector) take(w http.ResponseWriter, r *http.Request, check func(p posted) (status int)) {
	p, err := read(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if check != nil {
		if status := check(p); status != 0 {
			w.WriteHeader(status)
			return
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range p.spans {
		c.times[s.id]++
	}
	w.WriteHeader(http.StatusOK)
}

// arrived returns how many different spans were taken, and how many of them more than once.
func (c *collector) arrived() (once, twice int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.times {
		if n > 1 {
			twice++
		}
	}
	return len(c.times), twice
}

// wait passes the time, or less if the sender leaves.
func wait(r *http.Request, d time.Duration) {
	select {
	case <-time.After(d):
	case <-r.Context().Done():
	}
}
