package client_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bookservice/service"
	"bookservice/service/bookendpoint"
	"bookservice/service/bookgrpc"
	"bookservice/service/client"

	"github.com/go-kit/kit/sd"
	"github.com/opentracing/opentracing-go"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A directory is a discovery that says what the test wants.
type directory struct {
	mu          sync.Mutex
	instances   []string
	subscribers []chan<- sd.Event
}

func (d *directory) Register(ch chan<- sd.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.subscribers = append(d.subscribers, ch)
	ch <- sd.Event{Instances: slices.Clone(d.instances)}
}

func (d *directory) Deregister(ch chan<- sd.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.subscribers = slices.DeleteFunc(d.subscribers, func(c chan<- sd.Event) bool { return c == ch })
}

func (d *directory) Stop() {}

// set tells the subscribers, and returns when they have taken note: they take the event that follows only then.
func (d *directory) set(instances ...string) {
	d.send(sd.Event{Instances: instances})
	d.send(sd.Event{Err: errors.New("nothing new")})
}

func (d *directory) send(e sd.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e.Err == nil {
		d.instances = e.Instances
	}
	for _, ch := range d.subscribers {
		ch <- sd.Event{Instances: slices.Clone(e.Instances), Err: e.Err}
	}
}

// A server is a real one on loopback that counts.
type server struct {
	addr     string
	calls    atomic.Int64 // that reached the service
	accepted atomic.Int64 // connections
	open     atomic.Int64 // connections
	grpc     *grpc.Server
	done     chan struct{}
}

// start serves svc on a free port until the test ends.
func start(t testing.TB, svc service.Service, tracer opentracing.Tracer) *server {
	t.Helper()
	return startAt(t, "127.0.0.1:0", svc, tracer)
}

func startAt(t testing.TB, addr string, svc service.Service, tracer opentracing.Tracer) *server {
	t.Helper()
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{
		addr: listener.Addr().String(), done: make(chan struct{}), grpc: grpc.NewServer(bookgrpc.ServerOptions()...),
	}
	logger := slog.New(slog.DiscardHandler)
	set := bookendpoint.New(counting{svc, &s.calls}, bookendpoint.Recover(logger))
	bookgrpc.Register(s.grpc, bookgrpc.NewServer(set, tracer, logger))
	go func() {
		defer close(s.done)
		if err := s.grpc.Serve(&counter{listener, s}); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(s.stop)
	return s
}

// stop ends the server at once.
func (s *server) stop() {
	s.grpc.Stop()
	<-s.done
}

// dead returns an address on which nobody listens.
func dead(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	return listener.Addr().String()
}

type counter struct {
	net.Listener
	server *server
}

func (c *counter) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c.server.accepted.Add(1)
	c.server.open.Add(1)
	return &countedConn{Conn: conn, open: &c.server.open}, nil
}

type countedConn struct {
	net.Conn
	open *atomic.Int64
	once sync.Once
}

func (c *countedConn) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.Conn.Close()
}

type counting struct {
	next  service.Service
	calls *atomic.Int64
}

func (c counting) BookInfo(ctx context.Context, id int32) (service.Book, error) {
	c.calls.Add(1)
	return c.next.BookInfo(ctx, id)
}

func (c counting) BookList(ctx context.Context, page, limit int32) ([]service.Book, error) {
	c.calls.Add(1)
	return c.next.BookList(ctx, page, limit)
}

// answer is a service that does the same whatever it is asked for.
type answer func(ctx context.Context) error

func (a answer) BookInfo(ctx context.Context, id int32) (service.Book, error) {
	return service.Book{ID: id, Name: "a"}, a(ctx)
}

func (a answer) BookList(ctx context.Context, _, _ int32) ([]service.Book, error) { return nil, a(ctx) }

func fails(err error) service.Service { return answer(func(context.Context) error { return err }) }

// hang is a service that answers nobody.
func hang() service.Service {
	return answer(func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	})
}

// quick is the default configuration with pauses that a test can wait for.
func quick(change func(*client.Config)) client.Config {
	cfg := client.DefaultConfig()
	cfg.RetryBackoff = 0
	if change != nil {
		change(&cfg)
	}
	return cfg
}

// dial returns a client of these instances, which is closed when the test ends.
func dial(t testing.TB, cfg client.Config, instances ...string) *client.Client {
	t.Helper()
	return dialWith(t, &directory{instances: instances}, nil, cfg)
}

func dialWith(t testing.TB, d sd.Instancer, tracer opentracing.Tracer, cfg client.Config,
	opts ...client.Option) *client.Client {
	t.Helper()
	c, err := client.New(d, tracer, cfg, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// eventually waits until ok, for 5 seconds at most.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for limit := time.Now().Add(5 * time.Second); !ok(); <-tick.C {
		if time.Now().After(limit) {
			t.Fatalf("not within 5 s: %s", what)
		}
	}
}
