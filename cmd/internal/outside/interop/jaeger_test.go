package interop_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/opentracing/opentracing-go"
	"github.com/openzipkin/zipkin-go/model"
	"github.com/openzipkin/zipkin-go/reporter"
	"github.com/uber/jaeger-client-go"

	"bookservice/tracer"
	"bookservice/tracer/all"
)

// withJaeger adds a backend with the name jaeger: the tracer of jaeger-client-go.
func withJaeger(to jaeger.Reporter) tracer.Option {
	open := func(_ context.Context, c tracer.Config) (opentracing.Tracer, io.Closer, error) {
		sampler := jaeger.NewConstSampler(true)
		long := jaeger.TracerOptions.Gen128Bit(true)
		tr, closer := jaeger.NewTracer(c.ServiceName, sampler, to, long)
		return tr, closer, nil
	}
	return tracer.WithTracer("jaeger", open)
}

// A jaegerParty is the book service with jaeger-client-go as tracer.
type jaegerParty struct {
	ourParty
	service string
	spans   *jaeger.InMemoryReporter
	to      reporter.Reporter
}

func openJaeger(t *testing.T, c collector, service string) party {
	t.Helper()
	p := jaegerParty{service: service, spans: jaeger.NewInMemoryReporter(), to: c.reporter(t)}
	config := all.DefaultConfig()
	config.Backend, config.ServiceName = "jaeger", service
	var err error
	p.tracer, p.closer, err = all.Open(t.Context(), config, withJaeger(p.spans))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (p jaegerParty) root(ctx context.Context) (context.Context, string, func()) {
	s := p.tracer.StartSpan("root")
	id := s.Context().(jaeger.SpanContext).TraceID().String()
	return opentracing.ContextWithSpan(ctx, s), id, s.Finish
}

// close reports the spans before it closes the tracer, which deletes them.
func (p jaegerParty) close(ctx context.Context) error {
	for _, s := range p.spans.GetSpans() {
		p.to.Send(jaegerToZipkin(s.(*jaeger.Span), p.service))
	}
	return errors.Join(p.to.Close(), p.ourParty.close(ctx))
}

func jaegerToZipkin(s *jaeger.Span, service string) model.SpanModel {
	c, tags, sampled := s.SpanContext(), s.Tags(), true
	m := model.SpanModel{
		SpanContext: model.SpanContext{
			TraceID: model.TraceID{High: c.TraceID().High, Low: c.TraceID().Low},
			ID:      model.ID(c.SpanID()),
			Sampled: &sampled,
		},
		Name:          s.OperationName(),
		Timestamp:     s.StartTime(),
		Duration:      s.Duration(),
		LocalEndpoint: &model.Endpoint{ServiceName: service},
	}
	if parent := model.ID(c.ParentID()); parent != 0 {
		m.ParentID = &parent
	}
	if kind := tags["span.kind"]; kind != nil {
		m.Kind = model.Kind(strings.ToUpper(fmt.Sprint(kind)))
	}
	if failed := tags["error"]; failed != nil {
		m.Tags = map[string]string{"error": fmt.Sprint(failed)}
	}
	return m
}
