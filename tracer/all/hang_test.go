package all_test

import (
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"bookservice/tracer"
	"bookservice/tracer/all"
	"bookservice/tracer/kafka"
	"bookservice/tracer/otlp"
	"bookservice/tracer/rabbitmq"
	"bookservice/tracer/tracertest/testkit"
)

// senders configures each way to send spans to the address.
var senders = map[string]func(c *all.Config, addr string){
	"zipkin": func(c *all.Config, addr string) {
		c.Zipkin.URL = "http://" + addr + "/api/v2/spans"
	},
	"zipkin over TLS": func(c *all.Config, addr string) {
		c.Zipkin.URL = "https://" + addr + "/api/v2/spans"
	},
	"OTLP over gRPC": func(c *all.Config, addr string) {
		c.Backend, c.OTLP.Endpoint = otlp.Name, "http://"+addr
	},
	"OTLP over gRPC and TLS": func(c *all.Config, addr string) {
		c.Backend, c.OTLP.Endpoint = otlp.Name, "https://"+addr
	},
	"OTLP over HTTP": func(c *all.Config, addr string) {
		c.Backend, c.OTLP.Protocol, c.OTLP.Endpoint = otlp.Name, otlp.HTTP, "http://"+addr
	},
	"Kafka": func(c *all.Config, addr string) {
		c.Zipkin.Transport, c.Kafka.Brokers = kafka.Name, addr
	},
	"Kafka over TLS": func(c *all.Config, addr string) {
		c.Zipkin.Transport, c.Kafka.Brokers, c.Kafka.TLS = kafka.Name, addr, true
	},
	"RabbitMQ": func(c *all.Config, addr string) {
		c.Zipkin.Transport, c.RabbitMQ.URL = rabbitmq.Name, "amqp://"+addr+"/"
	},
	"RabbitMQ over TLS": func(c *all.Config, addr string) {
		c.Zipkin.Transport, c.RabbitMQ.URL = rabbitmq.Name, "amqps://"+addr+"/"
	},
}

// A silentPeer accepts connections and reads them. It answers nothing.
type silentPeer struct {
	addr         string
	opened, open atomic.Int32
}

func newSilentPeer(t *testing.T) *silentPeer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	p := &silentPeer{addr: l.Addr().String()}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.opened.Add(1)
			p.open.Add(1)
			go func() {
				_, _ = io.Copy(io.Discard, conn)
				conn.Close()
				p.open.Add(-1)
			}()
		}
	}()
	return p
}

// TestAttemptsReleaseWhatTheyHold has peers that answer nothing. Attempts end with their time, and
// Close with the flush timeout. They leave neither a connection nor a goroutine.
func TestAttemptsReleaseWhatTheyHold(t *testing.T) {
	testkit.Slow(t)
	for name, change := range senders {
		t.Run(name, func(t *testing.T) {
			peer := newSilentPeer(t)
			before := goleak.IgnoreCurrent()
			c := config("zipkin")
			c.FlushTimeout = 200 * time.Millisecond
			c.Zipkin.Timeout, c.OTLP.Timeout = 100*time.Millisecond, 100*time.Millisecond
			change(&c, peer.addr)
			var m tracer.Metrics
			tr, closer, err := all.Open(
				t.Context(), c, tracer.WithLogger(nil), tracer.WithMetrics(&m))
			if err != nil {
				t.Fatal(err)
			}
			tr.StartSpan("call").Finish()
			testkit.Eventually(t, "five attempts fail", func() bool {
				return m.Stats().Sinks[c.Backend].Retried >= 5
			})
			if peer.opened.Load() < 2 || peer.open.Load() > 2 {
				t.Errorf("have %d of %d connections open, want those of one client",
					peer.open.Load(), peer.opened.Load())
			}
			start := time.Now()
			if err := closer.Close(); err == nil {
				t.Error("have no error of Close, want the span lost")
			}
			if took := time.Since(start); took > c.FlushTimeout+time.Second {
				t.Errorf("Close took %v, want the flush timeout", took)
			}
			testkit.Eventually(t, "all connections are closed", func() bool {
				return peer.open.Load() == 0
			})
			// A busy machine may delay one, not all.
			if n := m.Stats().Sinks[c.Backend].Abandoned; n > 1 {
				t.Errorf("have %d attempts that did not end in time", n)
			}
			if err := goleak.Find(before); err != nil {
				t.Error(err)
			}
		})
	}
}
