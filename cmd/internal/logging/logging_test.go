package logging_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/opentracing/opentracing-go"

	"bookservice/cmd/internal/logging"
	"bookservice/tracer"
)

func TestLinesWithinASpanCarryItsIds(t *testing.T) {
	for _, sample := range []float64{0, 1} {
		c := tracer.DefaultConfig()
		c.Backend, c.ServiceName, c.Sample = "memory", "books", sample
		tr, closer, err := tracer.Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		defer closer.Close()
		span := tr.StartSpan("call")
		sc := span.Context().(tracer.SpanContext)
		var lines bytes.Buffer
		log := logging.New(&lines, slog.LevelInfo).With("part", "x")
		log.InfoContext(opentracing.ContextWithSpan(t.Context(), span), "within")
		want := "msg=within part=x trace_id=" + sc.TraceID() + " span_id=" + sc.SpanID() + "\n"
		if !strings.HasSuffix(lines.String(), want) {
			t.Errorf("have %q, want …%q", lines.String(), want)
		}
	}
}

func TestLinesOutsideASpanCarryNone(t *testing.T) {
	span := opentracing.NoopTracer{}.StartSpan("call")
	for name, ctx := range map[string]context.Context{
		"no span":          t.Context(),
		"another tracer's": opentracing.ContextWithSpan(t.Context(), span),
	} {
		var lines bytes.Buffer
		log := logging.New(&lines, slog.LevelWarn)
		log.InfoContext(ctx, "hidden")
		log.WarnContext(ctx, "outside", "k", "v")
		have := lines.String()
		want := "level=WARN msg=outside k=v\n"
		if !strings.HasSuffix(have, want) || strings.Contains(have, "hidden") {
			t.Errorf("%s: have %q", name, have)
		}
	}
}
