package server_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"bookservice/api/book"
	"bookservice/cmd/internal/server"
	"bookservice/configs"
	"bookservice/discovery"
	"bookservice/discovery/etcdembed"
	"bookservice/tracer/tracertest/testkit"
)

// Stop reports NOT_SERVING and deregisters, and only after -drain-delay it refuses calls.
func TestStopDeregistersFirst(t *testing.T) {
	testkit.Slow(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	etcd, err := etcdembed.Start(ctx, etcdembed.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer etcd.Close()
	watcher, err := clientv3.New(clientv3.Config{Endpoints: etcd.Endpoints(), Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	defer watcher.Close()
	c := alone()
	c.Discovery = configs.DefaultServer().Discovery
	c.Discovery.Etcd, c.DrainDelay = etcd.Endpoints(), time.Second
	s, err := server.Start(ctx, c, quiet)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient(s.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := call(t, s.Addr()); err != nil {
		t.Fatal(err)
	}
	gone := watcher.Watch(ctx, c.Discovery.Prefix+s.Addr(), clientv3.WithFilterPut())
	stopped := make(chan struct{})
	go func() {
		s.Stop()
		close(stopped)
	}()
	<-gone
	deregistered := time.Now()
	health, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{})
	if err != nil || health.GetStatus() != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Errorf("have health %v, %v after the key was gone, want NOT_SERVING", health, err)
	}
	books := book.NewBookServiceClient(conn)
	if _, err := books.GetBookInfo(ctx, &book.BookInfoParams{BookId: 1}); err != nil {
		t.Errorf("have %v for a call after the key was gone, want a response", err)
	}
	<-stopped
	if took := time.Since(deregistered); took < c.DrainDelay*9/10 {
		t.Errorf("stopped %v after the key was gone, want %v", took, c.DrainDelay)
	}
	if err := call(t, s.Addr()); err == nil {
		t.Error("have a response after Stop")
	}
}

// Stop flushes the tracer after the last call has ended, and closes the metrics last.
func TestStopFlushesLate(t *testing.T) {
	var mu sync.Mutex
	var grpcAddr, adminAddr string // empty until Stop
	var flushed, metrics bool
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if grpcAddr == "" || listens(grpcAddr) {
			w.WriteHeader(http.StatusServiceUnavailable) // the tracer tries again
			return
		}
		flushed, metrics = true, listens(adminAddr)
		w.WriteHeader(http.StatusAccepted)
	}))
	defer collector.Close()
	c := alone()
	c.AdminAddr = testkit.FreeAddr(t)
	c.Tracer.Backend, c.Tracer.FlushTimeout = "zipkin", 10*time.Second
	c.Tracer.Zipkin.URL = collector.URL + "/api/v2/spans"
	s, err := server.Start(t.Context(), c, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if err := call(t, s.Addr()); err != nil {
		t.Error(err)
	}
	mu.Lock()
	grpcAddr, adminAddr = s.Addr(), c.AdminAddr
	mu.Unlock()
	s.Stop()
	mu.Lock()
	defer mu.Unlock()
	if !flushed || !metrics {
		t.Errorf("have spans after the calls: %v, metrics during the flush: %v, want both",
			flushed, metrics)
	}
	if listens(c.AdminAddr) {
		t.Error("metrics are served after Stop")
	}
}

func listens(addr string) bool {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// A call that does not end within -drain-timeout is cancelled. That is logged.
func TestStopCancelsCallsInFlight(t *testing.T) {
	var lines testkit.Buffer
	c := alone()
	c.Tracer.Backend = "noop"
	c.DrainTimeout = 50 * time.Millisecond
	// The second call waits for an hour.
	c.Guards.RateMode, c.Guards.RateBurst, c.Guards.RateEvery = "delay", 1, time.Hour
	s, err := server.Start(t.Context(), c, slog.New(slog.NewTextHandler(&lines, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if err := call(t, s.Addr()); err != nil {
		t.Error(err)
	}
	conn, err := grpc.NewClient(s.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	stream, err := conn.NewStream(t.Context(), &grpc.StreamDesc{}, "/book.BookService/GetBookList")
	if err == nil {
		err = stream.SendMsg(&book.BookListParams{})
	}
	if err == nil { // the response means that the server has the call before it
		_, err = healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{})
	}
	if err != nil {
		t.Error(err)
	}
	began := time.Now()
	s.Stop()
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("Stop took %v, want little more than %v", took, c.DrainTimeout)
	}
	if err := stream.RecvMsg(&book.BookList{}); err == nil {
		t.Error("have a response, want the call cancelled")
	}
	want := `msg="close failed" part=gRPC ` +
		`err="calls in flight cancelled after 50ms (-drain-timeout)"`
	if have := lines.String(); strings.Count(have, want) != 1 {
		t.Errorf("have log\n%s\nwant %s", have, want)
	}
}

// With -register background a server starts while etcd is down, and registers when etcd answers.
// Only then does the log say that it is registered.
func TestServerStartsBeforeEtcd(t *testing.T) {
	testkit.Slow(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	etcd, err := etcdembed.Start(ctx, etcdembed.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer etcd.Close()
	etcd.Stop()
	c := alone()
	c.AdminAddr = testkit.FreeAddr(t)
	c.Discovery.Kind, c.Discovery.Etcd = "etcd", etcd.Endpoints()
	c.Discovery.Register, c.Discovery.TTL = discovery.RegisterBackground, 2*time.Second
	var lines testkit.Buffer
	s, err := server.Start(ctx, c, slog.New(slog.NewTextHandler(&lines, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	have := lines.String()
	if !strings.Contains(have, "advertised="+s.Addr()) || strings.Contains(have, "registered") {
		t.Errorf("have log\n%s\nwant the advertised address and no registration", have)
	}
	if err := call(t, s.Addr()); err != nil {
		t.Errorf("call while etcd is down: %v", err)
	}
	registered := func(want string) func() bool {
		return func() bool {
			return strings.Contains(metrics(t, c.AdminAddr), `,service=""} `+want+"\n")
		}
	}
	testkit.Eventually(t, "/metrics has the missing registration", registered("0"))
	if err := etcd.Restart(ctx, true); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "/metrics has the registration", registered("1"))
	testkit.Eventually(t, "the log has the registration", func() bool {
		return strings.Contains(lines.String(), "msg=registered key=")
	})
	clients, err := discovery.Open(ctx, c.Discovery, discovery.WithLogger(nil))
	if err != nil {
		t.Fatal(err)
	}
	defer clients.Close()
	i, err := clients.Instancer("")
	if err != nil {
		t.Fatal(err)
	}
	if err := discovery.Wait(ctx, i); err != nil {
		t.Error(err)
	}
}

// metrics returns the response of /metrics.
func metrics(t *testing.T, addr string) string {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	request, err := http.NewRequestWithContext(
		t.Context(), http.MethodGet, "http://"+addr+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
