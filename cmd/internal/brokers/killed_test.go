package brokers_test

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/openzipkin/zipkin-go/proto/zipkin_proto3"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"bookservice/tracer/all"
	"bookservice/tracer/kafka"
	"bookservice/tracer/rabbitmq"
	"bookservice/tracer/tracertest/testkit"
)

// A transport is a way to Zipkin through a broker.
type transport struct {
	start  func(*testing.T) *broker
	change func(c *all.Config, addr string)
	// consume passes each message of the queue to accept, until accept returns true or for a
	// minute.
	consume func(t *testing.T, addr string, accept func(message []byte) (done bool))
}

var transports = map[string]transport{
	"Kafka": {startKafka, func(c *all.Config, addr string) {
		c.Zipkin.Transport, c.Kafka.Brokers = kafka.Name, addr
	}, consumeKafka},
	"RabbitMQ": {startRabbitMQWithQueue, func(c *all.Config, addr string) {
		c.Zipkin.Transport, c.RabbitMQ.URL = rabbitmq.Name, rabbitURL(addr)
	}, consumeRabbitMQ},
}

// TestBrokerKilledUnderLoad kills a broker with SIGKILL and restarts it. All spans are sent in the
// end, and each span that counts as sent is in the queue. Then it pauses the broker: Close returns
// within the flush timeout.
func TestBrokerKilledUnderLoad(t *testing.T) {
	for name, transport := range transports {
		t.Run(name, func(t *testing.T) {
			b := transport.start(t)
			const spans = 30000
			killUnderLoad(t, b, config(func(c *all.Config) { transport.change(c, b.addr) }), spans)
			have := map[int]bool{}
			transport.consume(t, b.addr, func(message []byte) bool {
				for _, n := range numbers(t, message) {
					have[n] = true
				}
				return len(have) == spans
			})
			if len(have) != spans {
				t.Errorf("have %d different spans in the queue, want %d", len(have), spans)
			}
			t.Run("paused", func(t *testing.T) {
				closeWhilePaused(t, b, config(func(c *all.Config) {
					transport.change(c, b.addr)
					c.FlushTimeout = time.Second
				}))
			})
		})
	}
}

// killUnderLoad finishes a third of the spans before the broker is killed, a third while it is
// down, and a third after its restart.
func killUnderLoad(t *testing.T, b *broker, config all.Config, spans int) {
	t.Helper()
	c := open(t, config, io.Discard)
	n := 0
	finishThird := func() {
		for end := n + spans/3; n < end; n++ {
			c.StartSpan("call", opentracing.Tag{Key: "n", Value: n}).Finish()
		}
	}
	finishThird()
	testkit.Eventually(t, "spans are sent", func() bool { return c.queue().Sent > 0 })
	b.kill()
	finishThird()
	testkit.Eventually(t, "spans are retried", func() bool { return c.queue().Retried > 0 })
	b.start(t)
	finishThird()
	c.flush(t, spans)
}

// numbers returns the number of each span in a message.
func numbers(t *testing.T, message []byte) (list []int) {
	t.Helper()
	spans, err := zipkin_proto3.ParseSpans(message, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range spans {
		n, err := strconv.Atoi(s.Tags["n"])
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, n)
	}
	return list
}

// closeWhilePaused connects to the broker, pauses it, and closes the tracer with queued spans.
func closeWhilePaused(t *testing.T, b *broker, config all.Config) {
	t.Helper()
	c := open(t, config, io.Discard)
	c.StartSpan("call").Finish()
	testkit.Eventually(t, "a span is sent", func() bool { return c.queue().Sent == 1 })
	pause(t, b.pid())
	for range 10000 {
		c.StartSpan("call").Finish()
	}
	start := time.Now()
	err := c.Close()
	if err == nil || !strings.Contains(err.Error(), "10000 spans lost") {
		t.Errorf("have %v, want 10000 spans lost", err)
	}
	if took := time.Since(start); took > config.FlushTimeout+5*time.Second {
		t.Errorf("Close took %v, want about %v", took, config.FlushTimeout)
	}
}

func consumeKafka(t *testing.T, addr string, accept func([]byte) bool) {
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
			if accept(r.Value) {
				return
			}
		}
	}
}

func rabbitURL(addr string) string { return fmt.Sprintf("amqp://guest:guest@%s/", addr) }

// startRabbitMQWithQueue starts a broker that has the queue on disk. The broker keeps a queue that
// was just declared in memory for a while. If it is killed then, it forgets the queue, together
// with the messages that it has confirmed.
func startRabbitMQWithQueue(t *testing.T) *broker {
	t.Helper()
	b := startRabbitMQ(t)
	conn, err := amqp.Dial(rabbitURL(b.addr))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	channel, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := channel.QueueDeclare("zipkin", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	b.stop(t)
	b.start(t)
	return b
}

func consumeRabbitMQ(t *testing.T, addr string, accept func([]byte) bool) {
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
			if accept(m.Body) {
				return
			}
		case <-limit:
			return
		}
	}
}

// TestRabbitMQWrongPassword checks that spans stay in the queue, that the log has one line about
// the rejection, that neither the log nor the error contains the password, and that no goroutine is
// left.
func TestRabbitMQWrongPassword(t *testing.T) {
	b := startRabbitMQ(t)
	before := goleak.IgnoreCurrent()
	var log testkit.Buffer
	c := open(t, config(func(c *all.Config) {
		c.Zipkin.Transport = rabbitmq.Name
		c.RabbitMQ.URL = fmt.Sprintf("amqp://guest:wr0ng@%s/", b.addr)
		c.FlushTimeout = 5 * time.Second
	}), &log)
	c.StartSpan("call").Finish()
	testkit.Eventually(t, "the span is retried", func() bool { return c.queue().Retried > 0 })
	err := c.Close()
	if err == nil || !strings.Contains(err.Error(), "1 spans lost") {
		t.Errorf("have %v, want one span lost", err)
	}
	lines := log.String()
	if strings.Count(lines, "check the configuration") != 1 || !strings.Contains(lines, b.addr) {
		t.Errorf("have log %q, want one line that names the configuration and the broker", lines)
	}
	if strings.Contains(fmt.Sprint(lines, err), "wr0ng") {
		t.Errorf("have the password in log %q or error %v", lines, err)
	}
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
}
