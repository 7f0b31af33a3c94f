package brokers_test

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/openzipkin/zipkin-go/proto/zipkin_proto3"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"bookservice/tracer"
)

// A way is one that goes by a broker.
type way struct {
	start   func(*testing.T) *broker
	change  func(c *tracer.Config, addr string)
	consume func(t *testing.T, addr string, took func(message []byte) (all bool))
}

var ways = map[string]way{
	"Kafka": {startKafka, func(c *tracer.Config, addr string) {
		c.Zipkin.Transport, c.Kafka.Brokers = tracer.ZipkinKafka, addr
	}, consumeKafka},
	"RabbitMQ": {startRabbitMQ, func(c *tracer.Config, addr string) {
		c.Zipkin.Transport, c.RabbitMQ.URL = tracer.ZipkinRabbitMQ, rabbitURL(addr)
	}, consumeRabbitMQ},
}

// A broker is killed with SIGKILL and started again: a span that counts as sent is in the queue, and every span is sent in
// the end. Then one is paused: nothing waits for it longer than it should.
func TestBrokerKilledUnderLoad(t *testing.T) {
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			b := way.start(t)
			const spans = 30000
			killUnderLoad(t, b, config(func(c *tracer.Config) { way.change(c, b.addr) }), spans)
			have := map[int]bool{}
			way.consume(t, b.addr, func(message []byte) bool {
				for _, n := range numbers(t, message) {
					have[n] = true
				}
				return len(have) == spans
			})
			if len(have) != spans {
				t.Errorf("have %d different spans in the queue, want %d", len(have), spans)
			}
			closeWhilePaused(t, b, config(func(c *tracer.Config) {
				way.change(c, b.addr)
				c.FlushTimeout = time.Second
			}))
		})
	}
}

// numbers returns what the spans of a message are numbered with.
func numbers(t *testing.T, message []byte) (all []int) {
	t.Helper()
	list, err := zipkin_proto3.ParseSpans(message, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		n, err := strconv.Atoi(s.Tags["n"])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, n)
	}
	return all
}

// closeWhilePaused has a broker that was connected to hang, and closes.
func closeWhilePaused(t *testing.T, b *broker, c tracer.Config) {
	t.Helper()
	m := &tracer.Metrics{}
	tr, closer, err := tracer.Open(t.Context(), c, tracer.WithLogger(slog.New(slog.DiscardHandler)), tracer.WithMetrics(m))
	if err != nil {
		t.Fatal(err)
	}
	tr.StartSpan("call").Finish()
	eventually(t, "it is connected", func() bool { return m.Stats().Sinks["zipkin"].Sent == 1 })
	b.signal(syscall.SIGSTOP)
	defer b.signal(syscall.SIGCONT)
	for range 10000 {
		tr.StartSpan("call").Finish()
	}
	start := time.Now()
	err = closer.Close()
	if err == nil || !strings.Contains(err.Error(), "10000 spans lost") {
		t.Errorf("have %v, want 10000 spans lost", err)
	}
	if took := time.Since(start); took > c.FlushTimeout+5*time.Second {
		t.Errorf("Close took %v, want about %v", took, c.FlushTimeout)
	}
}

// killUnderLoad finishes a third of the spans before the broker is killed, one while it is down and one after.
func killUnderLoad(t *testing.T, b *broker, c tracer.Config, spans int) {
	t.Helper()
	m := &tracer.Metrics{}
	tr, closer, err := tracer.Open(t.Context(), c, tracer.WithLogger(slog.New(slog.DiscardHandler)), tracer.WithMetrics(m))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	third := func() {
		for end := n + spans/3; n < end; n++ {
			tr.StartSpan("call", opentracing.Tag{Key: "n", Value: n}).Finish()
		}
	}
	third()
	eventually(t, "some are sent", func() bool { return m.Stats().Sinks["zipkin"].Sent > 0 })
	b.kill()
	third()
	eventually(t, "it was tried", func() bool { return m.Stats().Sinks["zipkin"].Retried > 0 })
	b.start(t)
	third()
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
	if s := m.Stats().Sinks["zipkin"]; s.Sent != uint64(spans) || s.Dropped != 0 {
		t.Errorf("have %+v, want all %d sent", s, spans)
	}
}

func consumeKafka(t *testing.T, addr string, took func([]byte) bool) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumeTopics("zipkin"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for ctx.Err() == nil {
		for _, r := range client.PollFetches(ctx).Records() {
			if took(r.Value) {
				return
			}
		}
	}
}

func rabbitURL(addr string) string { return fmt.Sprintf("amqp://guest:guest@%s/", addr) }

func consumeRabbitMQ(t *testing.T, addr string, took func([]byte) bool) {
	t.Helper()
	conn, err := amqp.Dial(rabbitURL(addr))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	channel, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	messages, err := channel.Consume("zipkin", "", true, false, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	limit := time.After(time.Minute)
	for {
		select {
		case m := <-messages:
			if took(m.Body) {
				return
			}
		case <-limit:
			return
		}
	}
}

// A wrong password keeps the spans, is said once, is in no line itself, and leaves no connection behind.
func TestRabbitMQWrongPassword(t *testing.T) {
	b := startRabbitMQ(t)
	before := goleak.IgnoreCurrent()
	var lines output
	c := config(func(c *tracer.Config) {
		c.Zipkin.Transport, c.RabbitMQ.URL = tracer.ZipkinRabbitMQ, fmt.Sprintf("amqp://guest:wr0ng@%s/", b.addr)
		c.FlushTimeout = 5 * time.Second
	})
	m := &tracer.Metrics{}
	tr, closer, err := tracer.Open(t.Context(), c, tracer.WithLogger(slog.New(slog.NewTextHandler(&lines, nil))), tracer.WithMetrics(m))
	if err != nil {
		t.Fatal(err)
	}
	tr.StartSpan("call").Finish()
	eventually(t, "it was tried", func() bool { return m.Stats().Sinks["zipkin"].Retried > 0 })
	err = closer.Close()
	if err == nil || !strings.Contains(err.Error(), "1 spans lost") {
		t.Errorf("have %v, want one span lost", err)
	}
	said := lines.String()
	if strings.Count(said, "check the configuration") != 1 || !strings.Contains(said, b.addr) {
		t.Errorf("have %q, want one line that names the broker", said)
	}
	if strings.Contains(fmt.Sprint(said, err), "wr0ng") {
		t.Errorf("the password is in %q or in %v", said, err)
	}
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
}
