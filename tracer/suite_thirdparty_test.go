package tracer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"

	"github.com/opentracing/opentracing-go"
	"github.com/openzipkin/zipkin-go/model"
	"github.com/openzipkin/zipkin-go/reporter/recorder"

	"bookservice/tracer"
	"bookservice/tracer/delivery"
	"bookservice/tracer/finished"
	"bookservice/tracer/tracertest"
	"bookservice/tracer/tracertest/testkit"
)

// TestThirdPartyReporterPassesTheSuite runs the suite on a reporter of zipkin-go.
func TestThirdPartyReporterPassesTheSuite(t *testing.T) {
	tracertest.Run(t, func(
		t *testing.T, change func(*tracer.Config),
	) (opentracing.Tracer, func() []model.SpanModel) {
		spans := recorder.NewReporter()
		// The recorder's own Close discards the spans.
		keep := reporterFunc{spans.Send, func() error { return nil }}
		return openSuite(t, config("mine"), change, spans.Flush, withReporter(keep, nil))
	})
}

// TestThirdPartyQueuePassesTheSuite runs the suite on a backend with an encode function and a send
// function.
func TestThirdPartyQueuePassesTheSuite(t *testing.T) {
	tracertest.Run(t, func(
		t *testing.T, change func(*tracer.Config),
	) (opentracing.Tracer, func() []model.SpanModel) {
		var lines testkit.Buffer
		backend := tracer.WithBackend(tracer.Backend{
			Name: "theirs",
			Open: func(_ context.Context, s tracer.Settings) (tracer.Sink, error) {
				return s.Queue(tracer.Destination{
					Spool: "theirs", Address: "a buffer", Encode: encodeLine(t),
					Send: func(_ context.Context, batch delivery.Batch) error {
						_, err := lines.Write(batch.Bytes())
						return err
					},
				})
			},
		})
		return openSuite(t, config("theirs"), change, func() []model.SpanModel {
			return decodeLines(t, lines.String())
		}, backend)
	})
}

// encodeLine returns an encoder that writes each span as a line of JSON.
func encodeLine(t *testing.T) func(b []byte, s *finished.Span) []byte {
	return func(b []byte, s *finished.Span) []byte {
		line, err := json.Marshal(s.SpanModel())
		if err != nil {
			t.Error(err)
		}
		return append(append(b, line...), '\n')
	}
}

func decodeLines(t *testing.T, lines string) (spans []model.SpanModel) {
	t.Helper()
	for d := json.NewDecoder(bytes.NewBufferString(lines)); d.More(); {
		var s model.SpanModel
		if err := d.Decode(&s); err != nil {
			t.Fatal(err)
		}
		spans = append(spans, s)
	}
	return spans
}
