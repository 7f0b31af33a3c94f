package kafka_test

import (
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"bookservice/tracer"
	"bookservice/tracer/delivery"
	"bookservice/tracer/tracertest/testkit"
)

// A freezer opens listeners whose connections can die without a word.
type freezer struct {
	mu     sync.Mutex
	frozen chan struct{} // closed by freeze, for the connections until then
	conns  int
}

func (f *freezer) listen(network, address string) (net.Listener, error) {
	l, err := net.Listen(network, address)
	return &freezingListener{l, f}, err
}

// freeze makes the open connections swallow everything. They are not closed.
func (f *freezer) freeze() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.frozen != nil {
		close(f.frozen)
	}
	f.frozen = nil
}

type freezingListener struct {
	net.Listener
	*freezer
}

// Accept implements [net.Listener].
func (l *freezingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns++
	if l.frozen == nil {
		l.frozen = make(chan struct{})
	}
	return &freezingConn{conn, l.frozen}, nil
}

// A freezingConn is the broker's side of a connection.
type freezingConn struct {
	net.Conn
	frozen <-chan struct{}
}

// Read implements [net.Conn].
func (c *freezingConn) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		select {
		case <-c.frozen:
			if err != nil {
				return 0, err
			}
		default:
			return n, err
		}
	}
}

// Write implements [net.Conn].
func (c *freezingConn) Write(b []byte) (int, error) {
	select {
	case <-c.frozen:
		return len(b), nil
	default:
		return c.Conn.Write(b)
	}
}

// TestDeadConnectionsAreReplaced sends over connections that die without a word. The next ones are
// opened after two time-outs in a row.
func TestDeadConnectionsAreReplaced(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	f := &freezer{}
	s := config(startKafka(t, kfake.ListenFn(f.listen)))
	s.Zipkin.Timeout = time.Second
	m := &tracer.Metrics{}
	tr, closer := s.open(t, tracer.WithMetrics(m))
	start := time.Now()
	for n := range 3 {
		tr.StartSpan("call").Finish()
		testkit.Eventually(t, "the span is sent", func() bool {
			return m.Stats().Sinks["zipkin"].Sent == uint64(n+1)
		})
		f.freeze()
	}
	if took := time.Since(start); took > 15*time.Second {
		t.Errorf("the spans were sent after %v, want about 5 s", took)
	}
	if n := m.Stats().Sinks["zipkin"].Retried; n < 2 || n > 6 {
		t.Errorf("have %d attempts that failed, want 2 for each dead connection", n)
	}
	tr.StartSpan("call").Finish()
	start = time.Now()
	_ = closer.Close()
	if took := time.Since(start); took > 6*time.Second {
		t.Errorf("Close took %v, want the flush timeout of 5 s", took)
	}
}

// TestCertificatesAreReadAgain changes the certificates of both sides while spans are delivered.
// Then the client's files become unusable: the last good ones stay in force, and the log says so.
func TestCertificatesAreReadAgain(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	f, r := &freezer{}, testkit.NewRotation(t)
	s := config(startKafka(t, kfake.ListenFn(f.listen), kfake.TLS(r.ServerTLS())))
	s.Zipkin.Timeout, s.Kafka.TLS = 2*time.Second, true
	s.Zipkin.CA, s.Zipkin.Cert, s.Zipkin.Key = r.CA, r.Cert, r.Key
	var lines testkit.Buffer
	m := &tracer.Metrics{}
	tr, closer := s.open(t, tracer.WithMetrics(m),
		tracer.WithLogger(slog.New(slog.NewTextHandler(&lines, nil))))
	for n := range 4 {
		tr.StartSpan("call").Finish()
		testkit.Eventually(t, "the span is sent", func() bool {
			return m.Stats().Sinks["zipkin"].Sent == uint64(n+1)
		})
		f.freeze()
		if n < 2 {
			r.Rotate(t)
			continue
		}
		r.Damage(t)
	}
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
	const unusable = "changed TLS files not usable"
	if n := strings.Count(lines.String(), unusable); n != 1 {
		t.Errorf("have %d lines about unusable files, want 1: %s", n, lines.String())
	}
}

// TestSlowBrokerIsWaitedFor has a broker that stores a message and answers after 12 s. The attempts
// that follow two time-outs of 10 s have more time, until one is long enough.
func TestSlowBrokerIsWaitedFor(t *testing.T) {
	testkit.Slow(t)
	t.Parallel()
	cluster := startKafka(t)
	var mu sync.Mutex
	requests := 0
	var limits []int32
	cluster.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		mu.Lock()
		requests++
		limits = append(limits, r.(*kmsg.ProduceRequest).TimeoutMillis)
		mu.Unlock()
		cluster.SleepControl(func() { <-time.After(12 * time.Second) })
		return nil, nil, false
	})
	m := &tracer.Metrics{}
	tr, closer := config(cluster).open(t, tracer.WithMetrics(m))
	tr.StartSpan("call").Finish()
	start := time.Now()
	for m.Stats().Sinks["zipkin"].Sent == 0 && time.Since(start) < 90*time.Second {
		<-time.After(100 * time.Millisecond)
	}
	mu.Lock()
	defer mu.Unlock()
	if m.Stats().Sinks["zipkin"].Sent != 1 || m.Stats().Sinks["zipkin"].Retried > 3 {
		t.Errorf("have %+v after %d requests, want the span sent with the third attempt",
			m.Stats().Sinks["zipkin"], requests)
	}
	for _, limit := range limits {
		if limit < 60000 {
			t.Errorf("have a limit of %d ms for the broker, want at least a minute", limit)
		}
	}
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
}

// TestBrokerThatHangs connects to a broker that reads and does not answer. Close returns after the
// flush timeout, and ends the connections.
func TestBrokerThatHangs(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	accepting := make(chan struct{})
	go func() {
		defer close(accepting)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() { _, _ = io.Copy(io.Discard, conn); conn.Close() })
		}
	}()
	s := config(nil)
	s.Kafka.Brokers, s.FlushTimeout = l.Addr().String(), 300*time.Millisecond
	start := time.Now()
	if err := s.sendOne(t); err == nil || !strings.Contains(err.Error(), "1 spans lost") {
		t.Errorf("have %v, want the span lost", err)
	}
	if took := time.Since(start); took > s.FlushTimeout+time.Second {
		t.Errorf("Close took %v, want about the flush timeout", took)
	}
	l.Close()
	<-accepting
	ended := make(chan struct{})
	go func() { open.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("the connections have not ended")
	}
}

// TestWordsOfTheBrokerAreQuoted has a broker that refuses all messages. The error has Kafka's
// words.
func TestWordsOfTheBrokerAreQuoted(t *testing.T) {
	cluster := startKafka(t)
	cluster.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		return refuse(r.(*kmsg.ProduceRequest), kerr.TopicAuthorizationFailed.Code), nil, true
	})
	s := config(cluster)
	s.FlushTimeout = 500 * time.Millisecond
	m := &tracer.Metrics{}
	tr, closer := s.open(t, tracer.WithMetrics(m))
	tr.StartSpan("call").Finish()
	err := closer.Close()
	if err == nil || !strings.Contains(err.Error(), "TOPIC_AUTHORIZATION_FAILED") ||
		m.Stats().Sinks["zipkin"].DroppedBy[delivery.NotFlushed] != 1 {
		t.Errorf("have %v and %+v, want the words of the broker and the span kept until Close",
			err, m.Stats().Sinks["zipkin"])
	}
}
