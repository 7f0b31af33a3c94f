package brokers_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"bookservice/tracer/all"
	"bookservice/tracer/delivery"
	"bookservice/tracer/rabbitmq"
	"bookservice/tracer/tracertest/testkit"
)

// TestRabbitMQ starts one broker for all subtests.
func TestRabbitMQ(t *testing.T) {
	b := startRabbitMQ(t)
	conn, err := amqp.Dial(rabbitURL(b.addr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Run("queue with other arguments", func(t *testing.T) { otherArguments(t, b, conn) })
	t.Run("user who may only publish", func(t *testing.T) { onlyPublish(t, b, conn) })
	t.Run("no queue and no permission", func(t *testing.T) { noQueue(t, b) })
	t.Run("queue is deleted", func(t *testing.T) { deletedQueue(t, b, conn) })
	t.Run("dead connection", func(t *testing.T) { deadRabbitMQ(t, b) })
	t.Run("too large", func(t *testing.T) { tooLargeForRabbitMQ(t, b, conn) })
}

// through configures a tracer for the broker's queue.
func through(url, queue string) all.Config {
	return config(func(c *all.Config) {
		c.Zipkin.Transport, c.RabbitMQ.URL, c.RabbitMQ.Queue = rabbitmq.Name, url, queue
		c.FlushTimeout = 5 * time.Second
	})
}

// publish sends spans to the queue and checks that it has a message.
func publish(t *testing.T, conn *amqp.Connection, c all.Config) {
	t.Helper()
	var lines testkit.Buffer
	client := open(t, c, &lines)
	client.StartSpan("call").Finish()
	client.flush(t, 1)
	channel, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	defer channel.Close()
	if _, ok, err := channel.Get(c.RabbitMQ.Queue, true); err != nil || !ok {
		t.Errorf("have %v and a message: %v; log: %s", err, ok, lines.String())
	}
	if lines.String() != "" {
		t.Errorf("have log %s, want none", lines.String())
	}
}

// otherArguments has queues that exist with arguments which the transport would not declare.
func otherArguments(t *testing.T, b *broker, conn *amqp.Connection) {
	for i, q := range []struct {
		durable, autoDelete bool
		args                amqp.Table
	}{
		{true, false, nil},
		{true, false, amqp.Table{"x-message-ttl": int64(3600000)}},
		{true, false, amqp.Table{"x-max-length": int64(1000)}},
		{true, false, amqp.Table{"x-queue-type": "quorum"}},
		{true, false, amqp.Table{"x-queue-mode": "lazy", "x-max-priority": int64(3)}},
		{true, true, amqp.Table{"x-expires": int64(600000)}},
	} {
		channel, err := conn.Channel()
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprint("arguments", i)
		_, err = channel.QueueDeclare(name, q.durable, q.autoDelete, false, false, q.args)
		if err != nil {
			t.Fatal(err)
		}
		channel.Close()
		publish(t, conn, through(rabbitURL(b.addr), name))
	}
}

// onlyPublish has a user with the permission to write to the default exchange, and no other.
func onlyPublish(t *testing.T, b *broker, conn *amqp.Connection) {
	channel, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	defer channel.Close()
	if _, err := channel.QueueDeclare("spans", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	b.rabbitmqctl(t, "add_user", "writer", "s3cret")
	b.rabbitmqctl(t, "set_permissions", "writer", "^$", `^amq\.default$`, "^$")
	publish(t, conn, through("amqp://writer:s3cret@"+b.addr+"/", "spans"))
}

// noQueue has the same user, and no queue. The spans are kept, and the log says why.
func noQueue(t *testing.T, b *broker) {
	c := through("amqp://writer:s3cret@"+b.addr+"/", "absent")
	c.FlushTimeout = time.Second
	var lines testkit.Buffer
	client := open(t, c, &lines)
	client.StartSpan("call").Finish()
	err := client.Close()
	if err == nil || client.queue().DroppedBy[delivery.NotFlushed] != 1 {
		t.Errorf("have %v and %+v, want the span kept until Close", err, client.queue())
	}
	if !strings.Contains(lines.String(), "configuration") ||
		!strings.Contains(lines.String(), "absent") || strings.Contains(lines.String(), "s3cret") {
		t.Errorf("have log %s, want a hint at the queue and no password", lines.String())
	}
}

// deletedQueue deletes the queue while the connection is open. The transport declares it again.
func deletedQueue(t *testing.T, b *broker, conn *amqp.Connection) {
	client := open(t, through(rabbitURL(b.addr), "deleted"), t.Output())
	for n := range 3 {
		client.StartSpan("call").Finish()
		testkit.Eventually(t, "the span is sent", func() bool {
			return client.queue().Sent == uint64(n+1)
		})
		channel, err := conn.Channel()
		if err != nil {
			t.Fatal(err)
		}
		if messages, err := channel.QueueDelete("deleted", false, false, false); err != nil ||
			messages != 1 {
			t.Errorf("have %v and %d messages in the queue, want 1", err, messages)
		}
		channel.Close()
	}
	client.flush(t, 3)
}

// deadRabbitMQ sends over connections that die without a word.
func deadRabbitMQ(t *testing.T, b *broker) {
	proxy := testkit.NewProxy(t, b.addr)
	c := through(rabbitURL(proxy.Addr), "spans")
	c.Zipkin.Timeout = time.Second
	client := open(t, c, t.Output())
	for n := range 3 {
		client.StartSpan("call").Finish()
		testkit.Eventually(t, "the span is sent", func() bool {
			return client.queue().Sent == uint64(n+1)
		})
		proxy.Freeze()
	}
	if s := client.queue(); s.Retried < 2 || s.Retried > 4 {
		t.Errorf("have %d attempts that failed, want at most 2 for each connection", s.Retried)
	}
	start := time.Now()
	client.flush(t, 3)
	if took := time.Since(start); took > time.Second {
		t.Errorf("Close took %v, want less than a second", took)
	}
}

// tooLargeForRabbitMQ has a broker that refuses messages above a limit. They are split.
func tooLargeForRabbitMQ(t *testing.T, b *broker, conn *amqp.Connection) {
	b.rabbitmqctl(t, "eval", "application:set_env(rabbit, max_message_size, 4096), "+
		"persistent_term:put(max_message_size, 4096).")
	channel, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := channel.QueueDeclare("small", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	defer channel.Close()
	client := open(t, through(rabbitURL(b.addr), "small"), t.Output())
	for range 200 {
		client.StartSpan("call").Finish()
	}
	client.flush(t, 200)
	q, err := channel.QueueDeclarePassive("small", true, false, false, false, nil)
	if err != nil || q.Messages < 2 {
		t.Errorf("have %v and %d messages, want the batch split", err, q.Messages)
	}
}

// rabbitmqctl runs the command on the broker's node.
func (b *broker) rabbitmqctl(t *testing.T, args ...string) {
	t.Helper()
	server := b.command()
	program := filepath.Join(filepath.Dir(server.Path), "rabbitmqctl")
	if _, err := os.Stat(program); err != nil {
		t.Skip(err)
	}
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = server.Env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("rabbitmqctl %s: %v\n%s", args[0], err, out)
	}
}
