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

	"github.com/go-kit/kit/sd"
	"github.com/opentracing/opentracing-go"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"bookservice/service"
	"bookservice/service/bookendpoint"
	"bookservice/service/bookgrpc"
	"bookservice/service/client"
	"bookservice/tracer/tracertest/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A directory is an instancer that the test controls.
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
	same := func(c chan<- sd.Event) bool { return c == ch }
	d.subscribers = slices.DeleteFunc(d.subscribers, same)
}

func (d *directory) Stop() {}

// set publishes a list of instances. It returns after the subscribers have processed it: they
// receive the second event only then.
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

// A server is a gRPC server that counts its calls and connections.
type server struct {
	addr     string
	calls    atomic.Int64 // that reached the service
	accepted atomic.Int64 // connections in total
	open     atomic.Int64 // connections at present
	grpc     *grpc.Server
	done     chan struct{}
}

// start serves svc on a free port of 127.0.0.1 until the test ends.
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
	return startOn(t, listener, svc, tracer)
}

func startOn(t testing.TB, listener net.Listener, svc service.Service,
	tracer opentracing.Tracer) *server {
	t.Helper()
	s := &server{
		addr: listener.Addr().String(), done: make(chan struct{}),
		grpc: grpc.NewServer(bookgrpc.ServerOptions()...),
	}
	set := bookendpoint.New(countingService{svc, &s.calls}, bookendpoint.Recover(nil))
	bookgrpc.Register(s.grpc, bookgrpc.NewServer(set, tracer, nil))
	go func() {
		defer close(s.done)
		if err := s.grpc.Serve(&countingListener{listener, s}); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(s.stop)
	return s
}

// stop stops the server without waiting for calls.
func (s *server) stop() {
	s.grpc.Stop()
	<-s.done
}

type countingListener struct {
	net.Listener
	server *server
}

func (c *countingListener) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c.server.accepted.Add(1)
	c.server.open.Add(1)
	return &countingConn{Conn: conn, open: &c.server.open}, nil
}

type countingConn struct {
	net.Conn
	open *atomic.Int64
	once sync.Once
}

func (c *countingConn) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.Conn.Close()
}

type countingService struct {
	next  service.Service
	calls *atomic.Int64
}

func (c countingService) BookInfo(ctx context.Context, id int32) (service.Book, error) {
	c.calls.Add(1)
	return c.next.BookInfo(ctx, id)
}

func (c countingService) BookList(ctx context.Context, page, limit int32) ([]service.Book, error) {
	c.calls.Add(1)
	return c.next.BookList(ctx, page, limit)
}

// answer is a service whose methods both call the function and return its error.
type answer func(ctx context.Context) error

func (a answer) BookInfo(ctx context.Context, id int32) (service.Book, error) {
	return service.Book{ID: id, Name: "a"}, a(ctx)
}

func (a answer) BookList(ctx context.Context, _, _ int32) ([]service.Book, error) {
	return nil, a(ctx)
}

// fails returns a service whose calls return err.
func fails(err error) service.Service { return answer(func(context.Context) error { return err }) }

// hang returns a service whose calls end only with their context.
func hang() service.Service {
	return answer(func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	})
}

// quick returns the default configuration without delays between attempts, and with a change. On a
// busy machine no attempt is replaced unless the change permits it.
func quick(change func(*client.Config)) client.Config {
	cfg := client.DefaultConfig()
	cfg.RetryBackoff, cfg.AttemptTimeout = 0, 20*time.Second
	if change != nil {
		change(&cfg)
	}
	return cfg
}

// dial returns a client of these instances. It is closed when the test ends.
func dial(t testing.TB, cfg client.Config, instances ...string) *client.Client {
	t.Helper()
	return dialWith(t, &directory{instances: instances}, nil, cfg)
}

// dialWith returns a client. It is closed when the test ends, within 30 s. Unless opts have a
// logger, it logs nothing.
func dialWith(t testing.TB, d sd.Instancer, tracer opentracing.Tracer, cfg client.Config,
	opts ...client.Option) *client.Client {
	t.Helper()
	quiet := client.WithLogger(slog.New(slog.DiscardHandler))
	c, err := client.New(d, tracer, cfg, append([]client.Option{quiet}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		closed := make(chan error, 1)
		go func() { closed <- c.Close() }()
		if err := receive(t, closed, "Close returns"); err != nil {
			t.Error(err)
		}
	})
	return c
}

// connected waits until n instances of the client are up.
func connected(t testing.TB, c *client.Client, n int) {
	t.Helper()
	testkit.Eventually(t, "the instances are connected", func() bool { return up(c) == n })
}

// up returns the number of instances that are up.
func up(c *client.Client) (n int) {
	for _, in := range c.Stats().Instances {
		if in.State == "up" {
			n++
		}
	}
	return n
}

// roundRobin is quick with the balancer round_robin.
func roundRobin(cfg *client.Config) { cfg.Balancer = "round_robin" }

// receive returns the next value of ch. After 30 s it fails the test with a message that contains
// what.
func receive[T any](t testing.TB, ch <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(30 * time.Second):
		t.Fatalf("not within 30s: %s", what)
		panic("not reached")
	}
}

// eventuallyAnswers waits until a call succeeds.
func eventuallyAnswers(t testing.TB, c *client.Client) {
	t.Helper()
	testkit.Eventually(t, "a call succeeds", func() bool {
		_, err := c.BookInfo(t.Context(), 1)
		return err == nil
	})
}

// A gate is closed until its channel is closed. Connections are made after that.
type gate struct {
	ch     chan struct{}
	option client.Option
}

// slowToConnect returns a server, a channel that receives a value when the client connects to it,
// and the gate of these connections.
func slowToConnect(t *testing.T) (s *server, entered <-chan struct{}, g *gate) {
	t.Helper()
	s = start(t, answer(func(context.Context) error { return nil }), nil)
	in := make(chan struct{}, 100)
	g = &gate{ch: make(chan struct{})}
	dialer := func(ctx context.Context, addr string) (net.Conn, error) {
		if addr == s.addr {
			in <- struct{}{}
			select {
			case <-g.ch:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		var d net.Dialer
		return d.DialContext(ctx, "tcp", addr)
	}
	g.option = client.WithDialOptions(grpc.WithContextDialer(dialer))
	return s, in, g
}

// shortLived returns a server that closes each connection 10 ms after it was made.
func shortLived(t *testing.T) *server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{
		addr: listener.Addr().String(), done: make(chan struct{}),
		grpc: grpc.NewServer(grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionAge: 10 * time.Millisecond, MaxConnectionAgeGrace: time.Millisecond,
		})),
	}
	go func() {
		defer close(s.done)
		if err := s.grpc.Serve(&countingListener{listener, s}); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(s.stop)
	return s
}
