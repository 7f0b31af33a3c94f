package rabbitmq_test

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bookservice/tracer"
	"bookservice/tracer/rabbitmq"
	"bookservice/tracer/tracertest/testkit"
)

// serve calls handle with each connection, in a goroutine. It closes the connection afterwards.
func serve(t *testing.T, handle func(net.Conn)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer conn.Close(); handle(conn) }()
		}
	}()
	return l.Addr().String()
}

// TestCertificatesAreReadAgain changes the certificates of both sides. Each handshake must use
// those that are in the files. Then the client's files become unusable: the last good ones stay in
// force, and the log says so.
func TestCertificatesAreReadAgain(t *testing.T) {
	testkit.Slow(t)
	r := testkit.NewRotation(t)
	handshakes, changed := make(chan error), make(chan bool)
	addr := serve(t, func(conn net.Conn) {
		server := tls.Server(conn, r.ServerTLS())
		err := server.Handshake()
		if err == nil { // with TLS 1.3 the client may still refuse the server
			_, err = io.ReadFull(server, make([]byte, len("AMQP")))
		}
		select {
		case handshakes <- err:
			<-changed
		case <-t.Context().Done():
		}
	})
	c := config()
	c.FlushTimeout = 100 * time.Millisecond
	c.Zipkin.CA, c.Zipkin.Cert, c.Zipkin.Key = r.CA, r.Cert, r.Key
	rc := rabbitmq.Config{URL: "amqps://guest:guest@" + addr + "/", Queue: "zipkin"}
	var lines testkit.Buffer
	log := slog.New(slog.NewTextHandler(&lines, nil))
	tr, closer, err := tracer.Open(t.Context(), c, rabbitmq.Transport(&rc), tracer.WithLogger(log))
	if err != nil {
		t.Fatal(err)
	}
	tr.StartSpan("call").Finish()
	for n := range 4 {
		if err := <-handshakes; err != nil {
			t.Errorf("after %d changes: %v", n, err)
		}
		if n < 2 {
			r.Rotate(t)
		} else {
			r.Damage(t)
		}
		changed <- true
	}
	if err := closer.Close(); err == nil {
		t.Error("have no error of Close, want the span lost")
	}
	const unusable = "changed TLS files not usable"
	if n := strings.Count(lines.String(), unusable); n != 1 {
		t.Errorf("have %d lines about unusable files, want 1: %s", n, lines.String())
	}
}

// TestTimeoutSetting has a broker that reads and does not answer. Each attempt ends after the time
// of the setting, and connects again.
func TestTimeoutSetting(t *testing.T) {
	testkit.Slow(t)
	var connections atomic.Int32
	addr := serve(t, func(conn net.Conn) {
		connections.Add(1)
		_, _ = io.Copy(io.Discard, conn)
	})
	c := config()
	c.FlushTimeout, c.Zipkin.Timeout = 100*time.Millisecond, 100*time.Millisecond
	rc := rabbitmq.Config{URL: "amqp://guest:guest@" + addr + "/", Queue: "zipkin"}
	tr, closer, err := tracer.Open(
		t.Context(), c, rabbitmq.Transport(&rc), tracer.WithLogger(quiet))
	if err != nil {
		t.Fatal(err)
	}
	tr.StartSpan("call").Finish()
	start := time.Now()
	testkit.Eventually(t, "three attempts", func() bool { return connections.Load() >= 3 })
	if took := time.Since(start); took < 300*time.Millisecond || took > 8*time.Second {
		t.Errorf("have three attempts in %v, want about a second", took)
	}
	if err := closer.Close(); err == nil {
		t.Error("have no error of Close, want the span lost")
	}
}
