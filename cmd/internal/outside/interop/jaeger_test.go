package interop_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"bookservice/tracer"
	"bookservice/tracer/all"

	"github.com/opentracing/opentracing-go"
	"github.com/openzipkin/zipkin-go/model"
	"github.com/openzipkin/zipkin-go/reporter"
	"github.com/uber/jaeger-client-go"
)

// withJaeger adds jaeger-client-go's tracer as a backend that the configuration can name.
func withJaeger(to jaeger.Reporter) tracer.Option {
	return tracer.WithTracer("jaeger", func(_ context.Context, c tracer.Config) (opentracing.Tracer, io.Closer, error) {
		sampler := jaeger.NewConstSampler(true)
		tr, closer := jaeger.NewTracer(c.ServiceName, sampler, to, jaeger.TracerOptions.Gen128Bit(true))
		return tr, closer, nil
	})
}

// A jaegerParty is the book service with jaeger-client-go's tracer in the place of ours.
type jaegerParty struct {
	ourParty
	name string
	kept *jaeger.InMemoryReporter
	to   reporter.Reporter
}

func openJaeger(t *testing.T, c collector, name string) party {
	t.Helper()
	p := jaegerParty{name: name, kept: jaeger.NewInMemoryReporter(), to: c.reporter(t)}
	config := all.DefaultConfig()
	config.Backend, config.ServiceName = "jaeger", name
	var err error
	if p.tracer, p.closer, err = all.Open(t.Context(), config, withJaeger(p.kept)); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p jaegerParty) root(ctx context.Context) (context.Context, string, func()) {
	s := p.tracer.StartSpan("root")
	return opentracing.ContextWithSpan(ctx, s), s.Context().(jaeger.SpanContext).TraceID().String(), s.Finish
}

// close hands what jaeger's reporter has kept to the collector, before that reporter forgets it.
func (p jaegerParty) close(ctx context.Context) error {
	for _, s := range p.kept.GetSpans() {
		p.to.Send(jaegerToZipkin(s.(*jaeger.Span), p.name))
	}
	return errors.Join(p.to.Close(), p.ourParty.close(ctx))
}

func jaegerToZipkin(s *jaeger.Span, service string) model.SpanModel {
	own, tags, sampled := s.SpanContext(), s.Tags(), true
	m := model.SpanModel{
		SpanContext: model.SpanContext{TraceID: model.TraceID{High: own.TraceID().High, Low: own.TraceID().Low},
			ID: model.ID(own.SpanID()), Sampled: &sampled},
		Name: s.OperationName(), Timestamp: s.StartTime(), Duration: s.Duration(), LocalEndpoint: &model.Endpoint{ServiceName: service},
	}
	if above := model.ID(own.ParentID()); above != 0 {
		m.ParentID = &above
	}
	if kind := tags["span.kind"]; kind != nil {
		m.Kind = model.Kind(strings.ToUpper(fmt.Sprint(kind)))
	}
	if failed := tags["error"]; failed != nil {
		m.Tags = map[string]string{"error": fmt.Sprint(failed)}
	}
	return m
}
