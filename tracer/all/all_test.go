package all_test

import (
	"context"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"

	"bookservice/tracer"
	"bookservice/tracer/all"
	"bookservice/tracer/delivery"
	"bookservice/tracer/finished"
	"bookservice/tracer/kafka"
	"bookservice/tracer/otlp"
	"bookservice/tracer/rabbitmq"
	"bookservice/tracer/tracertest/receiver"
	"bookservice/tracer/tracertest/testkit"
)

func config(backend string) all.Config {
	c := all.DefaultConfig()
	c.Backend, c.ServiceName = backend, "bookserver"
	return c
}

// TestDefaultConfig checks that the default is noop, and that all defaults are valid.
func TestDefaultConfig(t *testing.T) {
	c := all.DefaultConfig()
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	tr, closer, err := all.Open(t.Context(), c)
	if err != nil || tr != (opentracing.NoopTracer{}) || closer.Close() != nil {
		t.Errorf("have %T, %v, want noop", tr, err)
	}
	for name, set := range map[string]func(*all.Config){
		"zipkin":   func(*all.Config) {},
		"otlp":     func(c *all.Config) { c.Backend = otlp.Name },
		"kafka":    func(c *all.Config) { c.Zipkin.Transport = kafka.Name },
		"rabbitmq": func(c *all.Config) { c.Zipkin.Transport = rabbitmq.Name },
	} {
		c := config("zipkin")
		set(&c)
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSettingsOfEveryBackendAreChecked checks that an invalid setting of each backend and transport
// is an error, whichever backend is selected.
func TestSettingsOfEveryBackendAreChecked(t *testing.T) {
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
		for _, name := range []string{
			"tracer", "zipkin-url", "otlp-endpoint", "kafka-brokers", "rabbitmq-queue", "file-path",
		} {
			args = append(args, "-"+prefix+name, "x")
		}
		if err := fs.Parse(args); err != nil {
			t.Fatal(err)
		}
		for _, have := range []string{
			c.Backend, c.Zipkin.URL, c.OTLP.Endpoint, c.Kafka.Brokers, c.RabbitMQ.Queue,
			c.File.Path,
		} {
			if have != "x" {
				t.Errorf("prefix %q: have %q, want the flag's value", prefix, have)
			}
		}
		usage := fs.Lookup(prefix + "kafka-tls").Usage
		if want := "-" + prefix + "zipkin-ca"; !strings.Contains(usage, want) {
			t.Errorf("prefix %q: have usage %q, want %s in it", prefix, usage, want)
		}
		usage = fs.Lookup(prefix + "tracer").Usage
		if !strings.Contains(usage, "file, log, memory, noop, otlp, zipkin") {
			t.Errorf("prefix %q: have usage of -tracer %q", prefix, usage)
		}
		usage = fs.Lookup(prefix + "zipkin-transport").Usage
		if !strings.Contains(usage, "http, kafka, rabbitmq") {
			t.Errorf("prefix %q: have usage of -zipkin-transport %q", prefix, usage)
		}
	}
}

// TestEnvironmentOfEveryBackend reads variables with the look-up function.
func TestEnvironmentOfEveryBackend(t *testing.T) {
	c := config("otlp")
	err := c.ReadEnvironment(func(name string) (string, bool) {
		switch name {
		case "OTEL_SERVICE_NAME":
			return "shop", true
		case "OTEL_EXPORTER_OTLP_HEADERS":
			return "x", true
		}
		return "", false
	})
	if err != nil || c.ServiceName != "shop" {
		t.Errorf("have %v and name %q, want shop", err, c.ServiceName)
	}
	const want = "OTEL_EXPORTER_OTLP_HEADERS: " +
		"must be name=value pairs with percent-encoded values; pair 1 is not"
	if err := c.Validate(); err == nil || err.Error() != want {
		t.Errorf("have %v, want %s", err, want)
	}
}

// A thirdParty adds a backend and a transport with a flag, a variable and a check each.
type thirdParty struct {
	level   string // of the backend
	box     string // of the transport
	batches testkit.Buffer
}

func (p *thirdParty) options() []tracer.Option {
	encode := func(b []byte, s *finished.Span) []byte { return append(b, s.Model.Name...) }
	backend := tracer.Backend{
		Name: "theirs",
		RegisterFlags: func(fs *flag.FlagSet, prefix string) error {
			fs.StringVar(&p.level, prefix+"theirs-level", p.level, "level")
			return nil
		},
		ReadEnvironment: func(lookup func(string) (string, bool)) error {
			p.level, _ = lookup("THEIRS_LEVEL")
			return nil
		},
		Open: func(_ context.Context, s tracer.Settings) (tracer.Sink, error) {
			return s.Queue(tracer.Destination{Encode: encode, Send: p.send})
		},
	}
	transport := tracer.Transport{
		Name: "mail",
		RegisterFlags: func(fs *flag.FlagSet, prefix string) error {
			fs.StringVar(&p.box, prefix+"mail-box", p.box, "box")
			return nil
		},
		Open: func(context.Context, tracer.TransportSettings) (tracer.MessageSender, error) {
			return tracer.MessageSender{Send: func(context.Context, []byte) error {
				_, err := p.batches.Write([]byte(" mail to " + p.box))
				return err
			}}, nil
		},
	}
	return []tracer.Option{tracer.WithBackend(backend), tracer.WithTransport(transport)}
}

func (p *thirdParty) send(_ context.Context, batch delivery.Batch) error {
	_, err := p.batches.Write(slices.Concat([]byte(p.level), []byte(" "), batch.Bytes()))
	return err
}

// TestThirdPartyOptionsBesideEveryBackend passes options of a third party to each function, beside
// the backends of this module.
func TestThirdPartyOptionsBesideEveryBackend(t *testing.T) {
	collector := receiver.NewOTLP(t, nil)
	p := &thirdParty{}
	c := config("theirs,otlp,zipkin")
	c.OTLP.Endpoint, c.Zipkin.Transport = collector.GRPCURL, "mail"
	variables := map[string]string{"THEIRS_LEVEL": "high"}
	err := c.ReadEnvironment(func(name string) (string, bool) {
		value, ok := variables[name]
		return value, ok
	}, p.options()...)
	if err != nil || p.level != "high" {
		t.Errorf("have %v and level %q, want high", err, p.level)
	}
	fs := flag.NewFlagSet("host", flag.ContinueOnError)
	if err := c.RegisterFlags(fs, "books-", p.options()...); err != nil {
		t.Fatal(err)
	}
	if err := fs.Parse([]string{"-books-mail-box", "spans"}); err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(p.options()...); err != nil {
		t.Error(err)
	}
	if err := c.Validate(); err == nil {
		t.Error("have no error without the options, want an unknown backend")
	}
	tr, closer, err := all.Open(t.Context(), c, append(p.options(), tracer.WithLogger(nil))...)
	if err != nil {
		t.Fatal(err)
	}
	tr.StartSpan("call").Finish()
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
	have := p.batches.String()
	if !strings.Contains(have, "high call") || !strings.Contains(have, " mail to spans") {
		t.Errorf("have %q, want the span from the backend and the transport", have)
	}
	if n := len(collector.Spans()); n != 1 {
		t.Errorf("otlp: have %d spans, want 1", n)
	}
}

func zipkinURL(url string) func(*all.Config) {
	return func(c *all.Config) { c.Zipkin.URL = url }
}

// TestSecretsAreNeverShown sets a secret in every setting that may contain one. It looks for it in
// usage texts, printed settings, errors of Validate, logs and errors of Close.
func TestSecretsAreNeverShown(t *testing.T) {
	const secret = "QZs3cretZQ"
	refuse := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
	}))
	defer refuse.Close()
	at, closed := strings.TrimPrefix(refuse.URL, "http://"), testkit.ClosedAddr(t)
	for name, change := range map[string]func(*all.Config){
		"user in the URL":     zipkinURL("http://" + secret + "@" + at),
		"password in the URL": zipkinURL("http://u:" + secret + "@" + at),
		"query of the URL":    zipkinURL("http://" + at + "/?" + secret),
		"malformed URL":       zipkinURL("http://u:" + secret + "%@" + at),
		"URL without a host":  zipkinURL("u:" + secret + "@"),
		"password": func(c *all.Config) {
			c.Zipkin.URL, c.Zipkin.User, c.Zipkin.Password = refuse.URL, "u", secret
		},
		"password without a user": func(c *all.Config) { c.Zipkin.Password = secret },
		"token": func(c *all.Config) {
			c.Zipkin.URL, c.Zipkin.Token = refuse.URL, secret
		},
		"user and token": func(c *all.Config) { c.Zipkin.User, c.Zipkin.Token = "u", secret },
		"headers": func(c *all.Config) {
			c.Zipkin.URL, c.Zipkin.Headers = refuse.URL, "a="+secret
		},
		"malformed headers": func(c *all.Config) { c.Zipkin.Headers = "a=b," + secret },
		"header's name":     func(c *all.Config) { c.Zipkin.Headers = secret + "\n=b" },
		"OTLP headers": func(c *all.Config) {
			c.Backend, c.OTLP.Headers, c.OTLP.Endpoint = "otlp", "a="+secret, "http://"+closed
		},
		"OTLP headers over HTTP": func(c *all.Config) {
			c.Backend, c.OTLP.Protocol, c.OTLP.Headers = "otlp", otlp.HTTP, "a="+secret
			c.OTLP.Endpoint = refuse.URL + "?" + secret
		},
		"malformed OTLP headers": func(c *all.Config) { c.OTLP.Headers = secret },
		"user in an OTLP URL": func(c *all.Config) {
			c.OTLP.Endpoint = "http://" + secret + "@" + at
		},
		"Kafka's password": func(c *all.Config) {
			c.Zipkin.Transport, c.Kafka.Brokers = kafka.Name, closed
			c.Kafka.SASL, c.Kafka.User, c.Kafka.Password = "plain", "u", secret
		},
		"RabbitMQ's password": func(c *all.Config) {
			c.Zipkin.Transport = rabbitmq.Name
			c.RabbitMQ.URL = "amqp://u:" + secret + "@" + closed + "/"
		},
		"malformed RabbitMQ URL": func(c *all.Config) {
			c.RabbitMQ.URL = "amqp://u:" + secret + "@h:x/"
		},
		"not selected": func(c *all.Config) {
			c.Backend, c.RabbitMQ.URL = "log", "http://u:"+secret+"@h"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := config("zipkin")
			c.FlushTimeout = 200 * time.Millisecond
			change(&c)
			var out testkit.Buffer
			fs := flag.NewFlagSet("host", flag.ContinueOnError)
			fs.SetOutput(&out)
			registered := c
			if err := registered.RegisterFlags(fs, ""); err != nil {
				t.Fatal(err)
			}
			fs.PrintDefaults()
			fs.VisitAll(func(f *flag.Flag) { _, _ = io.WriteString(&out, f.Value.String()) })
			log := slog.New(slog.NewTextHandler(&out, nil))
			tr, closer, err := all.Open(t.Context(), c, tracer.WithLogger(log))
			if err == nil {
				tr.StartSpan("call").Finish()
				err = closer.Close()
			}
			if err == nil {
				t.Error("have no error, want one that could show the secret")
			} else {
				_, _ = io.WriteString(&out, err.Error())
			}
			if strings.Contains(out.String(), secret) {
				t.Errorf("the secret is in %s", out.String())
			}
		})
	}
}
