package tracer_test

import (
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/openzipkin/zipkin-go/model"
	"github.com/openzipkin/zipkin-go/reporter"

	"bookservice/tracer"
	"bookservice/tracer/delivery"
	"bookservice/tracer/finished"
	"bookservice/tracer/tracertest/testkit"
)

// reporterFunc is a reporter of two functions.
type reporterFunc struct {
	send  func(model.SpanModel)
	close func() error
}

func (r reporterFunc) Send(m model.SpanModel) { r.send(m) }
func (r reporterFunc) Close() error           { return r.close() }

// withReporter adds the backend "mine" over a reporter.
func withReporter(r reporter.Reporter, err error) tracer.Option {
	return tracer.WithBackend(tracer.Backend{
		Name: "mine",
		Open: func(_ context.Context, s tracer.Settings) (tracer.Sink, error) {
			return s.Reporter(r), err
		},
	})
}

// TestHangingReporter finishes more spans than the sink queues for a reporter that hangs.
func TestHangingReporter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		closed := 0
		m := &tracer.Metrics{}
		tr, closer := open(t, config("mine"), tracer.WithMetrics(m), withReporter(reporterFunc{
			func(model.SpanModel) { <-release }, func() error { closed++; return nil },
		}, nil))
		for range 20000 {
			tr.StartSpan("call").Finish()
			synctest.Wait() // until the reporter has the first span
		}
		if s := m.Stats().Sinks["mine"]; s.Queued != 10001 || s.Dropped != 9999 ||
			s.DroppedBy[delivery.QueueFull] != 9999 {
			t.Errorf("have %+v, want 10,001 spans queued and the others dropped", s)
		}
		start := time.Now()
		err := closer.Close()
		const want = "tracer: mine: 20000 spans lost: not closed within the flush timeout"
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("have %v, want %s", err, want)
		}
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("Close took %v, want the flush timeout", took)
		}
		close(release)
		synctest.Wait()
		if err := closer.Close(); closed != 1 || err == nil {
			t.Errorf("have %d closes and %v, want one close and an error again", closed, err)
		}
		if s := m.Stats().Sinks["mine"]; s.Sent != 1 || s.DroppedBy[delivery.NotFlushed] != 10000 {
			t.Errorf("have %+v, want the queued spans dropped after the flush timeout", s)
		}
	})
}

// TestDroppedSpansAreLogged checks that at most one line is logged in 10 s.
func TestDroppedSpansAreLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lines := &testkit.Buffer{}
		release := make(chan struct{})
		tr, closer := open(t, config("mine"),
			tracer.WithLogger(slog.New(slog.NewTextHandler(lines, nil))),
			withReporter(reporterFunc{
				func(model.SpanModel) { <-release }, func() error { return nil },
			}, nil))
		for range 10101 { // the reporter has one, and 10,000 are queued
			tr.StartSpan("call").Finish()
			synctest.Wait() // until the first has left the queue
		}
		<-time.After(10*time.Second - 1)
		synctest.Wait()
		if have := lines.String(); have != "" {
			t.Errorf("have %q before 10 s have passed, want nothing", have)
		}
		<-time.After(15 * time.Second)
		synctest.Wait()
		if have := lines.String(); strings.Count(have, "\n") != 1 ||
			!strings.Contains(have, "dropped=100") || !strings.Contains(have, "backend=mine") {
			t.Errorf("have %q, want one line with dropped=100", have)
		}
		close(release)
		if err := closer.Close(); err == nil || !strings.Contains(err.Error(), "100 spans lost") {
			t.Errorf("have %v, want 100 spans lost", err)
		}
	})
}

// TestPanicOfAReporterLosesOnlyItsSpan sends a span for which the reporter panics.
func TestPanicOfAReporterLosesOnlyItsSpan(t *testing.T) {
	var got []string
	var lines testkit.Buffer
	m := &tracer.Metrics{}
	tr, closer := open(t, config("mine"), tracer.WithMetrics(m),
		tracer.WithLogger(slog.New(slog.NewTextHandler(&lines, nil))),
		withReporter(reporterFunc{func(m model.SpanModel) {
			if m.Name == "bad" {
				panic("bad")
			}
			got = append(got, m.Name)
		}, func() error { return errors.New("disk full") }}, nil))
	for _, name := range []string{"good", "bad", "fine"} {
		tr.StartSpan(name).Finish()
	}
	err := closer.Close()
	if err == nil || err.Error() != "tracer: mine: 1 spans lost: disk full" ||
		strings.Join(got, " ") != "good fine" {
		t.Errorf("have %v and %v", got, err)
	}
	if !strings.Contains(lines.String(), `msg="reporter panicked" backend=mine panic=bad`) {
		t.Errorf("have log %q, want the panic", lines.String())
	}
	s := m.Stats().Sinks["mine"]
	if s.Added != 3 || s.Sent != 2 || s.Dropped != 1 || s.DroppedBy["reporter panicked"] != 1 {
		t.Errorf("have %+v, want 2 of 3 spans sent and one dropped", s)
	}
}

func openNoop(context.Context, tracer.Config) (opentracing.Tracer, io.Closer, error) {
	return opentracing.NoopTracer{}, nil, nil
}

// TestInvalidOptions passes backends and transports whose names are invalid or taken, and backends
// that do not open.
func TestInvalidOptions(t *testing.T) {
	const mustBeUnique = ": the name must be unique, " +
		"and must not be empty or contain commas or white space"
	none := tracer.Transport{Name: ""}
	for name, test := range map[string]struct {
		backend string
		opts    []tracer.Option
		want    string
	}{
		"name is taken": {"zipkin", []tracer.Option{tracer.WithTracer("zipkin", openNoop)},
			`tracer: option for backend "zipkin"` + mustBeUnique},
		"name is noop": {"zipkin", []tracer.Option{tracer.WithTracer("noop", openNoop)},
			`tracer: option for backend "noop"` + mustBeUnique},
		"name twice": {"zipkin", []tracer.Option{withReporter(nil, nil), withReporter(nil, nil)},
			`tracer: option for backend "mine"` + mustBeUnique},
		"name with a comma": {"zipkin", []tracer.Option{tracer.WithTracer("a,b", openNoop)},
			`tracer: option for backend "a,b"` + mustBeUnique},
		"name with white space": {"zipkin", []tracer.Option{tracer.WithTracer("a\nb", openNoop)},
			`tracer: option for backend "a\nb"` + mustBeUnique},
		"no name": {"zipkin", []tracer.Option{tracer.WithBackend(tracer.Backend{})},
			`tracer: option for backend ""` + mustBeUnique},
		"the first of two errors": {"zipkin",
			[]tracer.Option{tracer.WithTracer("a,b", openNoop), tracer.WithTracer("c,d", openNoop)},
			`tracer: option for backend "a,b"` + mustBeUnique},
		"noop with an invalid option": {"noop",
			[]tracer.Option{tracer.WithTracer("a,b", openNoop)},
			`tracer: option for backend "a,b"` + mustBeUnique},
		"transport twice": {"zipkin", []tracer.Option{
			tracer.WithTransport(tracer.Transport{Name: "mail"}),
			tracer.WithTransport(tracer.Transport{Name: "mail"})},
			`tracer: option for transport "mail"` + mustBeUnique},
		"transport without a name": {"zipkin", []tracer.Option{tracer.WithTransport(none)},
			`tracer: option for transport ""` + mustBeUnique},
		"transport is taken": {"zipkin",
			[]tracer.Option{tracer.WithTransport(tracer.Transport{Name: "http"})},
			`tracer: option for transport "http"` + mustBeUnique},
		"unknown": {"yours", []tracer.Option{withReporter(nil, nil)},
			`-tracer "yours": must be one of file, log, memory, mine, noop, zipkin`},
		"with others": {"mock,log", []tracer.Option{tracer.WithTracer("mock", openNoop)},
			`-tracer "mock,log": must not list mock with others`},
		"does not open": {"mine", []tracer.Option{withReporter(reporterFunc{
			func(model.SpanModel) {}, func() error { return nil },
		}, errors.New("no key"))},
			`tracer: mine: no key`},
		"opens nothing": {"mine", []tracer.Option{tracer.WithBackend(tracer.Backend{
			Name: "mine",
			Open: func(context.Context, tracer.Settings) (tracer.Sink, error) {
				return tracer.Sink{}, nil
			},
		})},
			`tracer: mine: Open returned no sink`},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := tracer.Open(t.Context(), config(test.backend), test.opts...)
			if err == nil || err.Error() != test.want {
				t.Errorf("have %v, want %s", err, test.want)
			}
		})
	}
}

// lineBackend is a backend of a third party over a queue. It sends each batch as lines of names.
type lineBackend struct {
	prefix  string // of its flags
	target  string // a setting
	refuse  int    // batches to refuse
	lines   testkit.Buffer
	closed  int
	address string
}

func (b *lineBackend) backend() tracer.Option {
	return tracer.WithBackend(tracer.Backend{
		Name: "lines",
		RegisterFlags: func(fs *flag.FlagSet, prefix string) error {
			b.prefix = prefix
			fs.StringVar(&b.target, prefix+"lines-target", b.target, "target of lines")
			return nil
		},
		ReadEnvironment: func(lookup func(string) (string, bool)) error {
			if v, ok := lookup("LINES_TARGET"); ok {
				b.target = v
			}
			return nil
		},
		Check: func(selected bool) error {
			if selected && b.target == "" {
				return errors.New("-" + b.prefix + `lines-target "": must not be empty`)
			}
			return nil
		},
		Open: func(_ context.Context, s tracer.Settings) (tracer.Sink, error) {
			b.address = s.Address
			return s.Queue(tracer.Destination{
				Spool: "lines", Address: b.target, InOrder: true,
				Encode: func(b []byte, s *finished.Span) []byte {
					return append(append(b, s.Model.Name...), '\n')
				},
				Send: func(_ context.Context, batch delivery.Batch) error {
					if b.refuse > 0 {
						b.refuse--
						return errors.New("not now")
					}
					_, err := b.lines.Write(batch.Bytes())
					return err
				},
				Close: func() { b.closed++ },
			})
		},
	})
}

// TestThirdPartyQueue checks that a third party's backend has flags, environment, checks, retries,
// counters and a spool.
func TestThirdPartyQueue(t *testing.T) {
	b := &lineBackend{refuse: 2}
	c := config("lines")
	c.Delivery.Spool, c.Address = t.TempDir(), "127.0.0.1:80"
	if err := c.ReadEnvironment(func(name string) (string, bool) {
		if name == "LINES_TARGET" {
			return "env", true
		}
		return "", false
	}, b.backend()); err != nil || b.target != "env" {
		t.Errorf("have %v and the target %q, want the variable's", err, b.target)
	}
	fs := flag.NewFlagSet("host", flag.ContinueOnError)
	if err := c.RegisterFlags(fs, "my-", b.backend()); err != nil {
		t.Fatal(err)
	}
	if have := fs.Lookup("my-tracer").Usage; !strings.Contains(have, "lines") {
		t.Errorf("the usage of -my-tracer is %q, want it to list lines", have)
	}
	if err := fs.Parse([]string{"-my-lines-target", ""}); err != nil {
		t.Fatal(err)
	}
	const want = `-my-lines-target "": must not be empty`
	if _, _, err := tracer.Open(t.Context(), c, b.backend()); err == nil || err.Error() != want {
		t.Errorf("have %v, want %s", err, want)
	}
	if err := fs.Parse([]string{"-my-lines-target", "x"}); err != nil {
		t.Fatal(err)
	}
	m := &tracer.Metrics{}
	tr, closer := open(t, c, b.backend(), tracer.WithMetrics(m))
	for _, name := range []string{"a", "b", "c"} {
		tr.StartSpan(name).Finish()
	}
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
	if have := b.lines.String(); have != "a\nb\nc\n" || b.closed != 1 || b.address != c.Address {
		t.Errorf("have %q, closed %d times, address %s", have, b.closed, b.address)
	}
	if s := m.Stats().Sinks["lines"]; s.Sent != 3 || s.Retried != 2 {
		t.Errorf("have %+v, want 3 sent and 2 retried", s)
	}
}

// TestThirdPartySpool closes a third party's backend while its destination refuses everything. The
// next tracer sends the spooled spans.
func TestThirdPartySpool(t *testing.T) {
	c := config("lines")
	c.Delivery.Spool, c.FlushTimeout = t.TempDir(), 10*time.Millisecond
	first, second := &lineBackend{target: "x", refuse: 1 << 30}, &lineBackend{target: "x"}
	for _, b := range []*lineBackend{first, second} {
		tr, closer := open(t, c, b.backend())
		if b == first {
			tr.StartSpan("kept").Finish()
		} else {
			testkit.Eventually(t, "the spooled span arrives", func() bool {
				return b.lines.String() == "kept\n"
			})
		}
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestThirdPartyTransport adds a transport that fails once.
func TestThirdPartyTransport(t *testing.T) {
	var sent []string
	fails, closed, box := 1, 0, ""
	transport := tracer.WithTransport(tracer.Transport{
		Name: "mail",
		RegisterFlags: func(fs *flag.FlagSet, prefix string) error {
			fs.StringVar(&box, prefix+"mail-box", "", "box for spans")
			return nil
		},
		Check: func(selected bool) error {
			if selected && box == "" {
				return errors.New(`-mail-box "": must not be empty`)
			}
			return nil
		},
		Open: func(_ context.Context, s tracer.TransportSettings) (tracer.MessageSender, error) {
			return tracer.MessageSender{
				Address: "box",
				Send: func(_ context.Context, message []byte) error {
					if fails > 0 {
						fails--
						return errors.New("box full")
					}
					sent = append(sent, s.ServiceName+" "+s.ContentType+" "+string(message[:1]))
					return nil
				},
				Close: func() { closed++ },
			}, nil
		},
	})
	c := config("zipkin")
	c.Zipkin.Format, c.Delivery.Senders = tracer.ZipkinJSON, 1
	c.Zipkin.URL = "" // required only by the transport http
	fs := flag.NewFlagSet("host", flag.ContinueOnError)
	if err := c.RegisterFlags(fs, "", transport); err != nil {
		t.Fatal(err)
	}
	for _, backend := range []string{"zipkin", "log"} { // with the transport http, and no zipkin
		other := config(backend)
		other.Zipkin.Transport = map[string]string{"zipkin": "http", "log": "mail"}[backend]
		if err := other.Validate(transport); err != nil {
			t.Errorf("%s: not selected: have %v, want the empty setting allowed", backend, err)
		}
	}
	if usage := fs.Lookup("zipkin-transport").Usage; !strings.Contains(usage, "http, mail") {
		t.Errorf("have usage %q, want the transport listed", usage)
	}
	c.Zipkin.Transport = "mail"
	const want = `-mail-box "": must not be empty`
	if err := c.Validate(transport); err == nil || err.Error() != want {
		t.Errorf("have %v, want %s", err, want)
	}
	if err := fs.Parse([]string{"-mail-box", "spans"}); err != nil {
		t.Fatal(err)
	}
	tr, closer := open(t, c, transport)
	tr.StartSpan("call").Finish()
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
	if strings.Join(sent, "; ") != "bookserver application/json [" || closed != 1 {
		t.Errorf("have %q sent, closed %d times", sent, closed)
	}
}

// TestAttemptsOfATransportAreLimited has a transport that hangs. An attempt ends after 10 s, and
// the message is sent again.
func TestAttemptsOfATransportAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var attempts []time.Duration
		transport := tracer.WithTransport(tracer.Transport{
			Name: "mail",
			Open: func(
				context.Context, tracer.TransportSettings,
			) (tracer.MessageSender, error) {
				return tracer.MessageSender{Send: func(ctx context.Context, _ []byte) error {
					if len(attempts) == 2 {
						return nil
					}
					start := time.Now()
					<-ctx.Done()
					attempts = append(attempts, time.Since(start))
					return ctx.Err()
				}}, nil
			},
		})
		c := config("zipkin")
		c.Zipkin.Transport = "mail"
		tr, closer := open(t, c, transport)
		tr.StartSpan("call").Finish()
		<-time.After(time.Minute)
		if len(attempts) != 2 || attempts[0] != 10*time.Second {
			t.Errorf("have attempts of %v, want 2 of 10 s", attempts)
		}
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestTransportThatDoesNotOpen names backend and transport in the error.
func TestTransportThatDoesNotOpen(t *testing.T) {
	transport := tracer.WithTransport(tracer.Transport{
		Name: "mail",
		Open: func(context.Context, tracer.TransportSettings) (tracer.MessageSender, error) {
			return tracer.MessageSender{}, errors.New("no box")
		},
	})
	c := config("zipkin")
	c.Zipkin.Transport = "mail"
	_, _, err := tracer.Open(t.Context(), c, transport)
	if err == nil || err.Error() != "tracer: zipkin: mail: no box" {
		t.Errorf("have %v, want the error of the transport", err)
	}
}

// TestSettingsReachTheBackend checks what a third party's backend receives.
func TestSettingsReachTheBackend(t *testing.T) {
	var have tracer.Settings
	backend := tracer.WithBackend(tracer.Backend{
		Name: "theirs",
		Open: func(_ context.Context, s tracer.Settings) (tracer.Sink, error) {
			have = s
			return s.Reporter(reporterFunc{
				func(model.SpanModel) {}, func() error { return nil },
			}), nil
		},
	})
	c := config("theirs")
	c.ServiceVersion, c.Address, c.FlushTimeout = "1.2", "127.0.0.1:80", time.Minute
	c.Resource = map[string]string{"zone": "b"}
	c.Delivery.Senders = 3
	var lines testkit.Buffer
	_, closer := open(t, c, backend,
		tracer.WithLogger(slog.New(slog.NewTextHandler(&lines, nil))))
	have.Logger.Info("from the backend")
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
	if !strings.Contains(lines.String(), "from the backend") {
		t.Errorf("have log %q, want the backend's line", lines.String())
	}
	if have.ServiceName != c.ServiceName || have.ServiceVersion != "1.2" ||
		have.Address != c.Address || have.Resource["zone"] != "b" ||
		have.FlushTimeout != time.Minute || have.Delivery != c.Delivery {
		t.Errorf("have %+v, want the settings of the Config", have)
	}
}
