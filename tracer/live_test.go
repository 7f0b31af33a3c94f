package tracer_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer"
	"bookservice/tracer/delivery"
	"bookservice/tracer/finished"
	"bookservice/tracer/tracertest/receiver"
	"bookservice/tracer/tracertest/testkit"
)

// liveConfig sends to a collector.
func liveConfig(z *receiver.Zipkin, format string) tracer.Config {
	c := config("zipkin")
	c.Zipkin.URL, c.Zipkin.Format, c.LiveAfter = z.URL, format, 100*time.Millisecond
	return c
}

// liveBackend returns the option for the backend queue with the destination.
func liveBackend(to tracer.Destination) tracer.Option {
	return tracer.WithBackend(tracer.Backend{
		Name: "queue",
		Open: func(_ context.Context, s tracer.Settings) (tracer.Sink, error) {
			return s.Queue(to)
		},
	})
}

// A span that has not ended is sent once it is old enough, with its parent. The whole span with the
// same id follows.
func TestLiveSpanIsSentBeforeItsEnd(t *testing.T) {
	for _, format := range []string{tracer.ZipkinJSON, tracer.ZipkinProto} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			z := receiver.NewZipkin(t, 0)
			m := &tracer.Metrics{}
			tr, closer := open(t, liveConfig(z, format), tracer.WithMetrics(m))
			root := tr.StartSpan("root", ext.SpanKindRPCServer)
			call := tr.StartSpan("call", opentracing.ChildOf(root.Context())).SetTag("shelf", 7)
			call.LogKV("event", "waiting")
			testkit.Eventually(t, "both spans arrive", func() bool { return len(z.Spans(t)) == 2 })
			pieces := map[string]model.SpanModel{}
			for _, s := range z.Spans(t) {
				pieces[s.Name] = s
				if s.Duration != 0 || s.Timestamp.IsZero() {
					t.Errorf("have %+v, want a start and no duration", s)
				}
			}
			have := pieces["call"]
			if have.ParentID == nil || *have.ParentID != pieces["root"].ID ||
				have.Tags["shelf"] != "7" || len(have.Annotations) != 1 ||
				pieces["root"].Kind != model.Server {
				t.Errorf("have %+v below %+v, want what the spans have so far",
					have, pieces["root"])
			}
			call.SetTag("shelf", 8)
			call.Finish()
			root.Finish()
			if err := closer.Close(); err != nil {
				t.Error(err)
			}
			all := z.Spans(t)
			if len(all) != 4 {
				t.Fatalf("have %d pieces, want a live and a whole one of each span", len(all))
			}
			for _, s := range all[2:] {
				piece := pieces[s.Name]
				if s.Duration == 0 || s.ID != piece.ID || s.TraceID != piece.TraceID ||
					!s.Timestamp.Equal(piece.Timestamp) ||
					s.Name == "call" && s.Tags["shelf"] != "8" {
					t.Errorf("have %+v, want the whole of %+v", s, piece)
				}
			}
			if s := m.Stats(); s.Live != 2 || s.Finished != 2 {
				t.Errorf("have %+v, want 2 live and 2 finished spans", s)
			}
		})
	}
}

// A live span is reported in any case: it names a parent that is reported, even an unfinished
// SERVER span of go-kit's GRPCToContext, and it is completed at Close.
func TestLiveSpansLeaveNoOrphans(t *testing.T) {
	t.Parallel()
	z := receiver.NewZipkin(t, 0)
	tr, closer := open(t, liveConfig(z, tracer.ZipkinProto))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	abandoned := tr.StartSpan("abandoned", ext.SpanKindRPCServer)
	opentracing.ContextWithSpan(ctx, abandoned)
	served := tr.StartSpan("served", ext.SpanKindRPCServer,
		opentracing.ChildOf(abandoned.Context()))
	tr.StartSpan("leaked", opentracing.ChildOf(served.Context()))
	denied := tr.StartSpan("denied", opentracing.ChildOf(served.Context()))
	ext.SamplingPriority.Set(denied, 0)
	tr.StartSpan("below denied", opentracing.ChildOf(denied.Context()))
	testkit.Eventually(t, "the spans arrive", func() bool { return len(z.Spans(t)) >= 3 })
	served.Finish()
	cancel()
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
	whole := map[model.ID]bool{}
	for _, s := range z.Spans(t) {
		if s.Duration != 0 {
			whole[s.ID] = true
		}
	}
	for _, s := range z.Spans(t) {
		if !whole[s.ID] {
			t.Errorf("%s: have no whole span", s.Name)
		}
		if s.ParentID != nil && !whole[*s.ParentID] {
			t.Errorf("%s: have a parent that is not reported", s.Name)
		}
	}
}

// Without LiveAfter, and in backends that do not merge pieces, a span is sent once, when it has
// ended.
func TestLiveSpansAreOff(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]time.Duration{"off": 0, "on": 100 * time.Millisecond} {
		pieces := make(chan string, 10)
		c := config("queue,memory")
		c.LiveAfter = after
		mem := &tracer.Memory{}
		to := tracer.Destination{
			Spool: "x", Live: name == "on",
			Encode: func(b []byte, s *finished.Span) []byte {
				pieces <- fmt.Sprint(s.Model.Duration != 0)
				return append(b, 'x')
			},
			Send: func(context.Context, delivery.Batch) error { return nil },
		}
		tr, closer := open(t, c, liveBackend(to), tracer.WithMemory(mem))
		sp := tr.StartSpan("call")
		if after != 0 {
			if have := <-pieces; have != "false" {
				t.Errorf("%s: have a piece with a duration", name)
			}
		}
		sp.Finish()
		if have := <-pieces; have != "true" {
			t.Errorf("%s: have a finished span without a duration", name)
		}
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
		if len(pieces) != 0 || len(mem.Spans()) != 1 {
			t.Errorf("%s: have %d further pieces, and %d spans in memory, want 0 and 1",
				name, len(pieces), len(mem.Spans()))
		}
	}
}

// BenchmarkLiveAfter starts and finishes spans while 1,000 older ones are open.
func BenchmarkLiveAfter(b *testing.B) {
	for _, after := range []time.Duration{0, time.Second} {
		b.Run(after.String(), func(b *testing.B) {
			c := config("queue")
			c.LiveAfter = after
			tr, closer := open(b, c, liveBackend(tracer.Destination{
				Spool: "x", Live: true,
				Encode: func(buf []byte, _ *finished.Span) []byte { return append(buf, 'x') },
				Send:   func(context.Context, delivery.Batch) error { return nil },
			}))
			defer closer.Close()
			for range 1000 {
				tr.StartSpan("open")
			}
			b.ReportAllocs()
			for b.Loop() {
				tr.StartSpan("call").Finish()
			}
			b.StopTimer()
		})
	}
}
