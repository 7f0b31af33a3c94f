package all_test

import (
	"flag"
	"io"
	"strings"
	"testing"

	"bookservice/tracer/all"
)

// TestSettingsOfEveryBackend checks that an invalid setting of each backend and transport is an
// error, whichever backend is selected.
func TestSettingsOfEveryBackend(t *testing.T) {
	for want, change := range map[string]func(*all.Config){
		`-sample 2: `:             func(c *all.Config) { c.Sample = 2 },
		`-zipkin-url "nowhere": `: func(c *all.Config) { c.Zipkin.URL = "nowhere" },
		`-otlp-protocol "x": `:    func(c *all.Config) { c.OTLP.Protocol = "x" },
		`-kafka-brokers "x": `:    func(c *all.Config) { c.Kafka.Brokers = "x" },
		`-rabbitmq-url "x": `:     func(c *all.Config) { c.RabbitMQ.URL = "x" },
		`-file-keep -1: `:         func(c *all.Config) { c.File.Keep = -1 },
	} {
		for _, backend := range []string{"noop", "log", "zipkin", "otlp"} {
			c := config(backend)
			change(&c)
			if err := c.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%s: have %v, want %s…", backend, err, want)
			}
		}
	}
}

// TestFlagsOfEveryBackend sets a flag of each backend and transport, with and without a prefix.
func TestFlagsOfEveryBackend(t *testing.T) {
	for _, prefix := range []string{"", "books-"} {
		c := all.DefaultConfig()
		fs := flag.NewFlagSet("host", flag.ContinueOnError)
		fs.SetOutput(io.Discard)
		if err := c.RegisterFlags(fs, prefix); err != nil {
			t.Fatal(err)
		}
		var args []string
		for _, name := range []string{"tracer", "zipkin-url", "otlp-endpoint", "kafka-brokers", "rabbitmq-queue", "file-path"} {
			args = append(args, "-"+prefix+name, "x")
		}
		if err := fs.Parse(args); err != nil {
			t.Fatal(err)
		}
		for _, have := range []string{c.Backend, c.Zipkin.URL, c.OTLP.Endpoint, c.Kafka.Brokers, c.RabbitMQ.Queue, c.File.Path} {
			if have != "x" {
				t.Errorf("prefix %q: have %q, want the flag's value", prefix, have)
			}
		}
		if have := fs.Lookup(prefix + "kafka-tls").Usage; !strings.Contains(have, "-"+prefix+"zipkin-ca") {
			t.Errorf("prefix %q: the usage is %q", prefix, have)
		}
		if have := fs.Lookup(prefix + "tracer").Usage; !strings.Contains(have, "otlp") {
			t.Errorf("prefix %q: the usage of -tracer is %q", prefix, have)
		}
	}
}

// TestEnvironmentOfEveryBackend reads variables through the look-up function.
func TestEnvironmentOfEveryBackend(t *testing.T) {
	c := config("otlp")
	err := c.ReadEnvironment(func(name string) (string, bool) {
		switch name {
		case "OTEL_SERVICE_NAME":
			return "shop", true
		case "OTEL_EXPORTER_OTLP_PROTOCOL":
			return "x", true
		}
		return "", false
	})
	if err != nil || c.ServiceName != "shop" {
		t.Errorf("have %v and the name %q", err, c.ServiceName)
	}
	const want = `OTEL_EXPORTER_OTLP_PROTOCOL "x": must be grpc or http/protobuf`
	if err := c.Validate(); err == nil || err.Error() != want {
		t.Errorf("have %v, want %s", err, want)
	}
}
