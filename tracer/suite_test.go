package tracer_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer"
	"bookservice/tracer/tracertest"
)

// TestEveryBackend runs the one suite on each backend, through what its destination received.
func TestEveryBackend(t *testing.T) {
	for name, open := range map[string]tracertest.Open{
		"memory": openMemory,
		"log":    openLog,
		"zipkin": openZipkin,
		"zipkin json": func(t *testing.T, change func(*tracer.Config)) (opentracing.Tracer, func() []model.SpanModel) {
			return openZipkin(t, func(c *tracer.Config) {
				c.Zipkin.Format, c.Zipkin.Gzip = tracer.ZipkinJSON, false
				if change != nil {
					change(c)
				}
			})
		},
		"zipkin kafka": openKafka,
		"memory,log":   openMemory2,
		"file":         openFile,
		"otlp grpc":    openOTLP(tracer.OTLPGRPC),
		"otlp http":    openOTLP(tracer.OTLPHTTP),
	} {
		t.Run(name, func(t *testing.T) { tracertest.Run(t, open) })
	}
}

// open opens a tracer, and returns what closes it and then reads the spans.
func open(t *testing.T, c tracer.Config, change func(*tracer.Config), spans func() []model.SpanModel,
	opts ...tracer.Option) (opentracing.Tracer, func() []model.SpanModel) {
	t.Helper()
	c.ServiceName = "books"
	if change != nil {
		change(&c)
	}
	tr, closer, err := tracer.Open(t.Context(), c, append([]tracer.Option{tracer.WithLogger(quiet)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return tr, func() []model.SpanModel {
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
		return spans()
	}
}

var quiet = slog.New(slog.DiscardHandler)

func openMemory(t *testing.T, change func(*tracer.Config)) (opentracing.Tracer, func() []model.SpanModel) {
	m := &tracer.Memory{}
	return open(t, config("memory"), change, m.Spans, tracer.WithMemory(m))
}

// openMemory2 is memory beside another backend.
func openMemory2(t *testing.T, change func(*tracer.Config)) (opentracing.Tracer, func() []model.SpanModel) {
	m := &tracer.Memory{}
	return open(t, config("memory, log"), change, m.Spans, tracer.WithMemory(m))
}

func openZipkin(t *testing.T, change func(*tracer.Config)) (opentracing.Tracer, func() []model.SpanModel) {
	to := newCollector(t, 0)
	c := config("zipkin")
	c.Zipkin.URL = to.URL + "/api/v2/spans"
	return open(t, c, change, func() []model.SpanModel { return to.received(t) })
}

func openLog(t *testing.T, change func(*tracer.Config)) (opentracing.Tracer, func() []model.SpanModel) {
	var lines lockedBuffer
	log := slog.New(slog.NewJSONHandler(&lines, nil))
	return open(t, config("log"), change, func() []model.SpanModel { return lines.spans(t) }, tracer.WithLogger(log))
}

// A lockedBuffer takes the lines of the log backend.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
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

// spans reads the lines back.
func (l *lockedBuffer) spans(t *testing.T) []model.SpanModel {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []model.SpanModel
	lines := bufio.NewScanner(&l.buf)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var line struct {
			Msg           string
			TraceID       string `json:"trace_id"`
			SpanID        string `json:"span_id"`
			ParentID      string `json:"parent_id"`
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
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		if line.Msg != "span" {
			continue
		}
		m := model.SpanModel{Name: line.Name, Kind: model.Kind(line.Kind), Timestamp: line.Start, Duration: line.Duration,
			LocalEndpoint: line.Local.model(), RemoteEndpoint: line.Remote.model(), Tags: line.Tags}
		m.TraceID, _ = model.TraceIDFromHex(line.TraceID)
		m.ID, m.ParentID = *id(t, line.SpanID), id(t, line.ParentID)
		for _, a := range line.Logs {
			m.Annotations = append(m.Annotations, model.Annotation{Timestamp: a.At, Value: a.Text})
		}
		all = append(all, m)
	}
	return all
}

// id reads a span's id; empty is nil.
func id(t *testing.T, hex string) *model.ID {
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
