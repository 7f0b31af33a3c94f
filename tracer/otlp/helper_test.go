package otlp_test

import (
	"log/slog"
	"testing"

	"github.com/opentracing/opentracing-go"
	"github.com/openzipkin/zipkin-go/model"
	_ "google.golang.org/grpc/encoding/gzip" // a compression that the receiver must know

	"bookservice/tracer"
	"bookservice/tracer/otlp"
	"bookservice/tracer/tracertest"
	"bookservice/tracer/tracertest/receiver"
)

const (
	trace128 = "463ac35c9f6413ad48485a3953bb6124"
	parent1  = "0020000000000001"
)

var (
	quiet     = slog.New(slog.DiscardHandler)
	protocols = []string{otlp.GRPC, otlp.HTTP}
)

// settings configure a tracer and this backend.
type settings struct {
	tracer.Config
	OTLP otlp.Config
}

func config(backend string) *settings {
	s := &settings{Config: tracer.DefaultConfig(), OTLP: otlp.DefaultConfig()}
	s.Backend, s.ServiceName = backend, "bookserver"
	return s
}

// at returns the receiver's URL for the protocol.
func at(r *receiver.OTLP, protocol string) string {
	if protocol == otlp.GRPC {
		return r.GRPCURL
	}
	return r.HTTPURL
}

// to configures a tracer that sends to r.
func to(r *receiver.OTLP, protocol string) *settings {
	s := config("otlp")
	s.OTLP.Protocol, s.OTLP.Endpoint = protocol, at(r, protocol)
	return s
}

// variables sets the settings from these environment variables.
func (s *settings) variables(t *testing.T, variables map[string]string) {
	t.Helper()
	lookup := func(name string) (string, bool) { v, ok := variables[name]; return v, ok }
	if err := s.ReadEnvironment(lookup, otlp.Backend(&s.OTLP)); err != nil {
		t.Fatal(err)
	}
}

// run opens a tracer, calls do, and returns what Close returns.
func (s *settings) run(t *testing.T, do func(opentracing.Tracer), opts ...tracer.Option) error {
	t.Helper()
	opts = append([]tracer.Option{tracer.WithLogger(quiet), otlp.Backend(&s.OTLP)}, opts...)
	tr, closer, err := tracer.Open(t.Context(), s.Config, opts...)
	if err != nil {
		t.Fatal(err)
	}
	do(tr)
	return closer.Close()
}

// sendOne sends one span.
func (s *settings) sendOne(t *testing.T) error {
	t.Helper()
	return s.run(t, func(tr opentracing.Tracer) { tr.StartSpan("call").Finish() })
}

// TestBackendPassesTheSuite runs the suite over both protocols.
func TestBackendPassesTheSuite(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) { tracertest.Run(t, openFor(protocol)) })
	}
}

func openFor(protocol string) tracertest.Open {
	return func(
		t *testing.T, change func(*tracer.Config),
	) (opentracing.Tracer, func() []model.SpanModel) {
		r := receiver.NewOTLP(t, nil)
		s := to(r, protocol)
		s.ServiceName = "books"
		if change != nil {
			change(&s.Config)
		}
		tr, closer, err := tracer.Open(t.Context(), s.Config,
			otlp.Backend(&s.OTLP), tracer.WithLogger(quiet))
		if err != nil {
			t.Fatal(err)
		}
		return tr, func() []model.SpanModel {
			if err := closer.Close(); err != nil {
				t.Error(err)
			}
			return r.Spans()
		}
	}
}
