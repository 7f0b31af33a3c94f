package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// processArg is the first argument of the processes of a run; the second one is the role.
const processArg = "process"

// An order is what the command sends to one of its processes, as a line of JSON.
type order struct {
	Do       string
	Settings settings // of start
	Server   string   // of start, for the client: the server's address
	Calls    int      // of call
	Callers  int      // of call
	Spans    int      // of count: how many spans each trace has
}

// A report is the answer to an order.
type report struct {
	Err     string
	Addr    string // of the server
	Zipkin  string // URL of the collector
	OTLP    string // address of the collector
	Failed  int    // calls
	Problem string // of the first call that failed
	Wall    time.Duration
	Usage   usage
	Tally   tally
}

// A part is what one of the processes does.
type part interface {
	do(order) (report, error)
}

// process obeys orders until they end.
func process(role string, orders io.Reader, reports io.Writer) error {
	parts := map[string]part{"server": &server{}, "client": &client{}, "collector": &collector{}}
	p := parts[role]
	if p == nil {
		return fmt.Errorf("no process has the role %q", role)
	}
	in, out := json.NewDecoder(orders), json.NewEncoder(reports)
	for {
		var o order
		if err := in.Decode(&o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		r, err := p.do(o)
		if err != nil {
			r.Err = err.Error()
		}
		if err := out.Encode(r); err != nil {
			return err
		}
	}
}

// A side is what server and client have in common: an environment, and what they have used.
type side struct {
	env
	begin usage
}

// do obeys the orders of both sides.
func (s *side) do(o order) (r report, err error) {
	switch o.Do {
	case "flush": // the spans of the warm-up
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		for _, f := range s.flushes {
			err = errors.Join(err, f(ctx))
		}
		return r, err
	case "begin":
		s.begin, err = measureUsage(true)
		return r, err
	case "end": // with the spans that are still queued
		closed := s.close()
		end, err := measureUsage(false)
		r.Usage = end.since(s.begin)
		return r, errors.Join(closed, err)
	}
	return r, fmt.Errorf("no order is named %q", o.Do)
}

// A server is the process of a row's server.
type server struct{ side }

func (s *server) do(o order) (report, error) {
	if o.Do != "start" {
		return s.side.do(o)
	}
	s.settings = o.Settings
	r, err := rowNamed(o.Settings.Row)
	if err != nil {
		return report{}, err
	}
	addr, err := r.serve(&s.env)
	return report{Addr: addr}, err
}

// A client is the process of a row's client.
type client struct {
	side
	call call
}

func (c *client) do(o order) (report, error) {
	switch o.Do {
	case "start":
		c.settings = o.Settings
		r, err := rowNamed(o.Settings.Row)
		if err != nil {
			return report{}, err
		}
		c.call, err = r.dial(&c.env, o.Server)
		return report{}, err
	case "call":
		return callAll(c.call, o.Calls, o.Callers), nil
	}
	return c.side.do(o)
}

// callAll makes the calls with this number of callers, each of which makes one call at a time.
func callAll(f call, calls, callers int) report {
	var (
		group   sync.WaitGroup
		started atomic.Int64
		failed  atomic.Int64
		problem atomic.Pointer[string]
	)
	begin := time.Now()
	for range callers {
		group.Go(func() {
			for started.Add(1) <= int64(calls) {
				if err := f(context.Background()); err != nil {
					failed.Add(1)
					text := err.Error()
					problem.CompareAndSwap(nil, &text)
				}
			}
		})
	}
	group.Wait()
	r := report{Failed: int(failed.Load()), Wall: time.Since(begin)}
	if p := problem.Load(); p != nil {
		r.Problem = *p
	}
	return r
}
