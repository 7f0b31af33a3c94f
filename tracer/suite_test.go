package tracer_test

import (
	"encoding/json"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer"
	"bookservice/tracer/tracertest"
	"bookservice/tracer/tracertest/receiver"
	"bookservice/tracer/tracertest/testkit"
)

// TestEveryBackendPassesTheSuite runs the suite on each backend, on the spans that its destination
// received.
func TestEveryBackendPassesTheSuite(t *testing.T) {
	for name, open := range map[string]tracertest.Open{
		"memory":      openMemory,
		"log":         openLog,
		"zipkin":      openZipkin(func(*tracer.Config) {}),
		"zipkin json": openZipkin(jsonWithoutGzip),
		"memory,log":  openMemoryAndLog,
		"file":        openFile,
	} {
		t.Run(name, func(t *testing.T) { tracertest.Run(t, open) })
	}
}

// openSuite opens a tracer for the suite. The returned function closes it and reads the spans.
func openSuite(
	t *testing.T, c tracer.Config, change func(*tracer.Config),
	spans func() []model.SpanModel, opts ...tracer.Option,
) (opentracing.Tracer, func() []model.SpanModel) {
	t.Helper()
	c.ServiceName = "books"
	if change != nil {
		change(&c)
	}
	tr, closer := open(t, c, opts...)
	return tr, func() []model.SpanModel {
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
		return spans()
	}
}

func openMemory(
	t *testing.T, change func(*tracer.Config),
) (opentracing.Tracer, func() []model.SpanModel) {
	m := &tracer.Memory{}
	return openSuite(t, config("memory"), change, m.Spans, tracer.WithMemory(m))
}

func openMemoryAndLog(
	t *testing.T, change func(*tracer.Config),
) (opentracing.Tracer, func() []model.SpanModel) {
	m := &tracer.Memory{}
	return openSuite(t, config("memory, log"), change, m.Spans, tracer.WithMemory(m))
}

func jsonWithoutGzip(c *tracer.Config) {
	c.Zipkin.Format, c.Zipkin.Gzip = tracer.ZipkinJSON, "false"
}

func openZipkin(configure func(*tracer.Config)) tracertest.Open {
	return func(
		t *testing.T, change func(*tracer.Config),
	) (opentracing.Tracer, func() []model.SpanModel) {
		to := receiver.NewZipkin(t, 0)
		c := config("zipkin")
		c.Zipkin.URL = to.URL
		configure(&c)
		return openSuite(t, c, change, func() []model.SpanModel { return to.Spans(t) })
	}
}

func openLog(
	t *testing.T, change func(*tracer.Config),
) (opentracing.Tracer, func() []model.SpanModel) {
	var lines testkit.Buffer
	log := slog.New(slog.NewJSONHandler(&lines, nil))
	return openSuite(t, config("log"), change, func() []model.SpanModel {
		return loggedSpans(t, lines.String())
	}, tracer.WithLogger(log))
}

type loggedEndpoint struct {
	Service string
	IP      net.IP
	Port    uint16
}

func (e *loggedEndpoint) model() *model.Endpoint {
	if e == nil {
		return nil
	}
	m := &model.Endpoint{ServiceName: e.Service, Port: e.Port}
	if ip4 := e.IP.To4(); ip4 != nil {
		m.IPv4 = ip4
	} else {
		m.IPv6 = e.IP
	}
	return m
}

// loggedSpan is a line of the log backend.
type loggedSpan struct {
	Msg           string
	TraceID       string `json:"trace_id"`
	SpanID        string `json:"span_id"`
	ParentID      string `json:"parent_id"`
	Debug         bool
	Name, Kind    string
	Start         time.Time
	Duration      time.Duration
	Local, Remote *loggedEndpoint
	Tags          map[string]string
	Logs          []struct {
		At   time.Time
		Text string
	}
}

// loggedSpans parses the lines of the log backend.
func loggedSpans(t *testing.T, lines string) []model.SpanModel {
	t.Helper()
	var all []model.SpanModel
	for text := range strings.Lines(lines) {
		var line loggedSpan
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatal(err)
		}
		if line.Msg != "span" {
			continue
		}
		m := model.SpanModel{
			Name: line.Name, Kind: model.Kind(line.Kind),
			Timestamp: line.Start, Duration: line.Duration,
			LocalEndpoint: line.Local.model(), RemoteEndpoint: line.Remote.model(),
			Tags: line.Tags,
		}
		m.Debug = line.Debug
		m.TraceID, _ = model.TraceIDFromHex(line.TraceID)
		m.ID, m.ParentID = *parseID(t, line.SpanID), parseID(t, line.ParentID)
		for _, a := range line.Logs {
			m.Annotations = append(m.Annotations, model.Annotation{Timestamp: a.At, Value: a.Text})
		}
		all = append(all, m)
	}
	return all
}

// parseID parses a span id. It returns nil for an empty one.
func parseID(t *testing.T, hex string) *model.ID {
	t.Helper()
	if hex == "" {
		return nil
	}
	trace, err := model.TraceIDFromHex(hex)
	if err != nil {
		t.Fatal(err)
	}
	id := model.ID(trace.Low)
	return &id
}
