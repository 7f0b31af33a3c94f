package tracer_test

import (
	"context"
	"testing"

	"github.com/opentracing/opentracing-go"
	"github.com/openzipkin/zipkin-go/model"
	"github.com/openzipkin/zipkin-go/reporter"
	"github.com/openzipkin/zipkin-go/reporter/recorder"

	"bookservice/tracer"
	"bookservice/tracer/tracertest"
)

// A third party's destination, here a reporter as zipkin-go ships it, passes the suite that ours pass.
func TestASinkOfAThirdPartyPassesTheSuite(t *testing.T) {
	tracertest.Run(t, func(t *testing.T, change func(*tracer.Config)) (opentracing.Tracer, func() []model.SpanModel) {
		// Its Close forgets what it holds.
		spans := recorder.NewReporter()
		kept := sinkFunc{spans.Send, func() error { return nil }}
		return open(t, config("theirs"), change, spans.Flush,
			tracer.WithSink("theirs", func(context.Context, tracer.Config) (reporter.Reporter, error) { return kept, nil }))
	})
}
