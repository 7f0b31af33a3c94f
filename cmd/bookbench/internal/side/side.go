// Package side is what the processes of bookbench have in common: the orders that they get, the
// server and the client of a row, and what they measure of themselves. It links nothing that it
// measures but grpc-go.
package side

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Roles of processes: their only argument.
const (
	RoleServer    = "server"
	RoleClient    = "client"
	RoleCollector = "collector-of-a-run"
)

// A Way is how a row makes its calls.
type Way struct {
	// Serve starts the server, in a process of its own, and returns its address.
	Serve func(*Env) (addr string, err error)
	// Dial prepares the client, in a process of its own.
	Dial func(e *Env, addr string) (Call, error)
}

// A Call makes one call and checks the answer. It may be called concurrently.
type Call func(context.Context) error

// An Env is what the server or the client of a row gets, and what it leaves to be closed.
type Env struct {
	Settings

	mu      sync.Mutex
	closers []func() error
	flushes []func(context.Context) error
}

// Settings are the settings of a run, for all of its processes.
type Settings struct {
	Row    string        // its name
	Zipkin string        // URL that spans are posted to
	OTLP   string        // host:port of the collector for OTLP over gRPC
	Books  int           // number of books that a call gets as a list; 0 for one book
	Calls  int           // in total, warm-up included
	Delay  time.Duration // of the collector's answers
	Heap   int           // size of the heap that our commands have by default, in bytes
}

// OnClose adds a function that the end of the run calls. The last one is called first. OnClose may
// be called concurrently.
func (e *Env) OnClose(f func() error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closers = append(e.closers, f)
}

// OnFlush adds a function that sends the spans of the warm-up.
func (e *Env) OnFlush(f func(context.Context) error) { e.flushes = append(e.flushes, f) }

// Close closes everything and returns the first error. Tracers send their queued spans.
func (e *Env) Close() error {
	e.mu.Lock()
	closers := e.closers
	e.closers = nil
	e.mu.Unlock()
	var first error
	for _, f := range slices.Backward(closers) {
		if err := f(); first == nil {
			first = err
		}
	}
	return first
}

// An Order is what the command sends to one of its processes, as a line of JSON.
type Order struct {
	Do       string
	Settings Settings // of start
	Server   string   // of start, for the client: the server's address
	Calls    int      // of call
	Callers  int      // of call
	Spans    int      // of count: how many spans each trace has
}

// A Report is the answer to an order.
type Report struct {
	Err     string
	Addr    string // of the server
	Failed  int    // calls
	Problem string // of the first call that failed
	Wall    time.Duration
	Usage   Usage
}

// Reports returns the pipe for reports in a process of a run: the first file after the standard
// ones, because libraries print to those.
func Reports() *os.File { return os.NewFile(3, "reports") }

// Main is the main function of a program with the server and the client of these rows. It ends the
// process.
func Main(ways map[string]Way) {
	// A process of a run ends with its orders, not at a signal to the group.
	signal.Ignore(os.Interrupt, syscall.SIGTERM)
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "must be run by bookbench")
		os.Exit(2)
	}
	if err := run(os.Args[1], ways, os.Stdin, Reports()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run obeys the orders of a server or a client until they end.
func run(role string, ways map[string]Way, orders io.Reader, reports io.Writer) error {
	find := func(row string) (Way, error) {
		w, ok := ways[row]
		if !ok {
			return w, fmt.Errorf("this program has no row that is named %q", row)
		}
		return w, nil
	}
	var do func(Order) (Report, error)
	switch role {
	case RoleServer:
		do = (&server{find: find}).do
	case RoleClient:
		do = (&client{find: find}).do
	default:
		return fmt.Errorf("no process has the role %q", role)
	}
	return Obey(orders, reports, func(o Order) Report {
		r, err := do(o)
		if err != nil {
			r.Err = err.Error()
		}
		return r
	})
}

// Obey calls do with each order and writes what it returns, in JSON, until the orders end.
func Obey[R any](orders io.Reader, reports io.Writer, do func(Order) R) error {
	in, out := json.NewDecoder(orders), json.NewEncoder(reports)
	for {
		var o Order
		if err := in.Decode(&o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := out.Encode(do(o)); err != nil {
			return err
		}
	}
}

// A side is what server and client have in common: an environment, and what they have used.
type side struct {
	Env
	begin Usage
}

// do obeys the orders of both sides.
func (s *side) do(o Order) (r Report, err error) {
	switch o.Do {
	case "flush": // the spans of the warm-up
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		for _, f := range s.flushes {
			err = errors.Join(err, f(ctx))
		}
		return r, err
	case "begin":
		s.begin, err = measure(true)
		return r, err
	case "end": // with the spans that are still queued
		closed := s.Close()
		end, err := measure(false)
		r.Usage = end.since(s.begin)
		return r, errors.Join(closed, err)
	}
	return r, fmt.Errorf("no order is named %q", o.Do)
}

// A server is the process of a row's server.
type server struct {
	side
	find func(string) (Way, error)
}

func (s *server) do(o Order) (Report, error) {
	if o.Do != "start" {
		return s.side.do(o)
	}
	s.Settings = o.Settings
	w, err := s.find(o.Settings.Row)
	if err != nil {
		return Report{}, err
	}
	addr, err := w.Serve(&s.Env)
	return Report{Addr: addr}, err
}

// A client is the process of a row's client.
type client struct {
	side
	find func(string) (Way, error)
	call Call
}

func (c *client) do(o Order) (Report, error) {
	switch o.Do {
	case "start":
		c.Settings = o.Settings
		w, err := c.find(o.Settings.Row)
		if err != nil {
			return Report{}, err
		}
		c.call, err = w.Dial(&c.Env, o.Server)
		return Report{}, err
	case "call":
		return callAll(c.call, o.Calls, o.Callers), nil
	}
	return c.side.do(o)
}

// callAll makes the calls with this number of callers, each of which makes one call at a time.
func callAll(f Call, calls, callers int) Report {
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
	r := Report{Failed: int(failed.Load()), Wall: time.Since(begin)}
	if p := problem.Load(); p != nil {
		r.Problem = *p
	}
	return r
}
