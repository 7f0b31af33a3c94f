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
		if want := "msg=within part=x trace_id=" + sc.TraceID() + " span_id=" + sc.SpanID() + "\n"; !strings.HasSuffix(lines.String(), want) {
			t.Errorf("have %q, want …%q", lines.String(), want)
		}
	}
}

func TestLinesOutsideASpanCarryNone(t *testing.T) {
	noop := opentracing.ContextWithSpan(context.Background(), opentracing.NoopTracer{}.StartSpan("call"))
	for name, ctx := range map[string]context.Context{"no span": t.Context(), "another tracer's": noop} {
		var lines bytes.Buffer
		log := logging.New(&lines, slog.LevelWarn)
		log.InfoContext(ctx, "hidden")
		log.WarnContext(ctx, "outside", "k", "v")
		if !strings.HasSuffix(lines.String(), "level=WARN msg=outside k=v\n") || strings.Contains(lines.String(), "hidden") {
			t.Errorf("%s: have %q", name, lines.String())
		}
	}
}
