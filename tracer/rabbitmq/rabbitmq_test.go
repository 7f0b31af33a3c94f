package rabbitmq_test

import (
	"bytes"
	"flag"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"bookservice/tracer"
	"bookservice/tracer/rabbitmq"
	"bookservice/tracer/tracertest/testkit"
)

var quiet = slog.New(slog.DiscardHandler)

func config() tracer.Config {
	c := tracer.DefaultConfig()
	c.Backend, c.ServiceName, c.Zipkin.Transport = "zipkin", "books", rabbitmq.Name
	return c
}

// sendOne sends one span and returns the error of Close.
func sendOne(t *testing.T, c tracer.Config, rc *rabbitmq.Config) error {
	t.Helper()
	tr, closer, err := tracer.Open(t.Context(), c, rabbitmq.Transport(rc), tracer.WithLogger(quiet))
	if err != nil {
		t.Fatal(err)
	}
	tr.StartSpan("call").Finish()
	return closer.Close()
}

// TestErrorNamesBrokerAndQueue sends to a broker that refuses connections. The error does not show
// the password.
func TestErrorNamesBrokerAndQueue(t *testing.T) {
	c, addr := config(), testkit.ClosedAddr(t)
	c.FlushTimeout = 200 * time.Millisecond
	rc := rabbitmq.Config{URL: "amqp://ann:s3cret@" + addr + "/", Queue: "spans"}
	want := "tracer: zipkin amqp://xxxxx@" + addr + "/ spans: 1 spans lost: "
	err := sendOne(t, c, &rc)
	if err == nil || !strings.HasPrefix(err.Error(), want) ||
		strings.Contains(err.Error(), "s3cret") {
		t.Errorf("have %v, want %s…", err, want)
	}
}

// TestBrokerThatHangs connects to a broker that reads and does not answer. Close returns after the
// flush timeout, and ends the connection.
func TestBrokerThatHangs(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	first := make(chan []byte, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		header := make([]byte, 8)
		_, _ = conn.Read(header)
		first <- header
		for _, err := conn.Read(header); err == nil; _, err = conn.Read(header) {
		}
	}()
	c := config()
	c.FlushTimeout = 300 * time.Millisecond
	rc := rabbitmq.Config{URL: "amqp://" + l.Addr().String() + "/", Queue: "spans"}
	start := time.Now()
	if err := sendOne(t, c, &rc); err == nil || !strings.Contains(err.Error(), "1 spans lost") {
		t.Errorf("have %v, want the span lost", err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("Close took %v, want about the flush timeout", took)
	}
	if have := <-first; !bytes.HasPrefix(have, []byte("AMQP")) {
		t.Errorf("have %q sent first, want the protocol's header", have)
	}
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("the connection has not ended")
	}
}

// TestFlags defines the flags with a prefix. The usage texts do not show the password.
func TestFlags(t *testing.T) {
	rc := rabbitmq.Config{URL: "amqp://ann:s3cret@h/"}
	fs := flag.NewFlagSet("host", flag.ContinueOnError)
	var out strings.Builder
	fs.SetOutput(&out)
	if err := rc.RegisterFlags(fs, "books-"); err != nil {
		t.Fatal(err)
	}
	fs.PrintDefaults()
	if strings.Contains(out.String(), "s3cret") {
		t.Errorf("the secret is in %s", out.String())
	}
	err := fs.Parse([]string{"-books-rabbitmq-url", "x", "-books-rabbitmq-queue", "spans"})
	if err != nil || rc.URL != "x" || rc.Queue != "spans" {
		t.Errorf("have %v and %+v", err, rc)
	}
	const want = `-books-rabbitmq-url "x": must be like amqp://user:password@127.0.0.1:5672/`
	if err := config().Validate(rabbitmq.Transport(&rc)); err == nil || err.Error() != want {
		t.Errorf("have %v, want %s", err, want)
	}
	const defined = "tracer: flag -books-rabbitmq-queue is defined already"
	if err := rc.RegisterFlags(fs, "books-"); err == nil || err.Error() != defined {
		t.Errorf("have %v, want %s", err, defined)
	}
}

// TestDefaultConfigIsValid checks the defaults, which are those of a broker on this machine.
func TestDefaultConfigIsValid(t *testing.T) {
	rc := rabbitmq.DefaultConfig()
	want := rabbitmq.Config{URL: "amqp://guest:guest@127.0.0.1:5672/", Queue: "zipkin"}
	if err := config().Validate(rabbitmq.Transport(&rc)); err != nil || rc != want {
		t.Errorf("have %v and %+v, want %+v", err, rc, want)
	}
}

// TestSettings checks the errors about settings, whether or not the transport is selected. Only the
// selected transport requires settings.
func TestSettings(t *testing.T) {
	const like = " must be like amqp://user:password@127.0.0.1:5672/"
	for _, test := range []struct {
		want     string
		selected bool // only if the transport is
		change   func(*rabbitmq.Config)
	}{
		{`-rabbitmq-url "http://xxxxx@h":` + like, false,
			func(c *rabbitmq.Config) { c.URL = "http://u:s3cret@h" }},
		{`-rabbitmq-url "amqp://xxxxx":` + like, false,
			func(c *rabbitmq.Config) { c.URL = "amqp://u:s3c/ret@h:x/" }},
		{`-rabbitmq-url "":` + like, true, func(c *rabbitmq.Config) { c.URL = "" }},
		{`-rabbitmq-queue "": must not be empty for -zipkin-transport rabbitmq`, true,
			func(c *rabbitmq.Config) { c.Queue = "" }},
	} {
		c, rc := config(), rabbitmq.DefaultConfig()
		test.change(&rc)
		if err := c.Validate(rabbitmq.Transport(&rc)); err == nil || err.Error() != test.want {
			t.Errorf("have %v, want %s", err, test.want)
		}
		c.Zipkin.Transport = tracer.ZipkinHTTP
		switch err := c.Validate(rabbitmq.Transport(&rc)); {
		case test.selected && err != nil:
			t.Errorf("transport http: have %v, want an empty setting allowed", err)
		case !test.selected && (err == nil || err.Error() != test.want):
			t.Errorf("transport http: have %v, want %s", err, test.want)
		}
	}
}
