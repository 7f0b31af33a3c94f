package tracer_test

import (
	"context"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/log"
	"github.com/openzipkin/zipkin-go/model"
	"github.com/openzipkin/zipkin-go/reporter"

	"bookservice/tracer"
)

// Names, keys, values and records are cut to their limits in bytes, on a character's edge, also if to mend invalid UTF-8
// makes them longer.
func TestLimitsInBytes(t *testing.T) {
	for name, long := range map[string]string{
		"letters":      strings.Repeat("x", 1<<20),
		"two bytes":    strings.Repeat("é", 1<<19),
		"four bytes":   "x" + strings.Repeat("😀", 1<<18),
		"invalid":      strings.Repeat("\xff", 1<<20),
		"half invalid": strings.Repeat("a\xff", 1<<19),
	} {
		t.Run(name, func(t *testing.T) {
			tr, spans := memory(t, nil)
			s := tr.StartSpan(long).SetTag(long, long)
			s.LogFields(log.String("event", long))
			s.LogFields(log.String(long, long), log.String("more", long))
			many := make([]log.Field, 10000)
			for i := range many {
				many[i] = log.String("", "")
			}
			s.LogFields(many...)
			s.Finish()
			have := spans.Spans()[0]
			check := func(what, text string, most int) {
				t.Helper()
				if len(text) > most || !utf8.ValidString(text) {
					t.Errorf("%s: have %d bytes, valid %v, want %d at most", what, len(text), utf8.ValidString(text), most)
				}
			}
			check("name", have.Name, 1<<10)
			for k, v := range have.Tags {
				check("key", k, 1<<8)
				check("value", v, 1<<12)
			}
			if len(have.Tags) != 1 || len(have.Annotations) != 3 {
				t.Fatalf("have %d tags and %d annotations, want 1 and 3", len(have.Tags), len(have.Annotations))
			}
			for _, a := range have.Annotations {
				check("record", a.Value, 1<<12)
			}
		})
	}
}

// Times that a collector cannot express do not reach it: a span starts now instead, and ends no sooner than it starts.
func TestTimesBeyondTheCollectors(t *testing.T) {
	before := uint64(time.Now().UnixNano())
	spans := collected(t, func(tr opentracing.Tracer) {
		for _, at := range []time.Time{{}, time.Unix(0, 0), time.Unix(-1, 0), time.Unix(1<<40, 0), time.Unix(1<<62, 0)} {
			s := tr.StartSpan("call", opentracing.StartTime(at))
			s.FinishWithOptions(opentracing.FinishOptions{FinishTime: at.Add(1), LogRecords: []opentracing.LogRecord{
				{Timestamp: at, Fields: []log.Field{log.String("event", "sent")}}}})
		}
		tr.StartSpan("call").FinishWithOptions(opentracing.FinishOptions{FinishTime: time.Unix(1<<62, 0)})
	})
	if len(spans) != 6 {
		t.Fatalf("have %d spans, want 6", len(spans))
	}
	for i, s := range spans {
		start, end := s.GetStartTimeUnixNano(), s.GetEndTimeUnixNano()
		if now := uint64(time.Now().UnixNano()); start < before || start > now || end <= start {
			t.Errorf("span %d is from %d to %d, want it to start from %d to %d", i, start, end, before, now)
		}
		for _, e := range s.GetEvents() {
			if at, now := e.GetTimeUnixNano(), uint64(time.Now().UnixNano()); at < before || at > now {
				t.Errorf("span %d has an event at %d, want it from %d to %d", i, at, before, now)
			}
		}
	}
}

// What a reporter gets is its own to change: it is no other's, and no later span's.
func TestSpansAreTheReportersOwn(t *testing.T) {
	spoil := sinkFunc{func(m model.SpanModel) {
		m.LocalEndpoint.ServiceName, m.LocalEndpoint.IPv4[0] = "spoilt", 0
		m.RemoteEndpoint.ServiceName, m.RemoteEndpoint.IPv4[0] = "spoilt", 0
		m.Annotations[0].Value, m.Tags["k"] = "spoilt", "spoilt"
		*m.ParentID, *m.Sampled = 0, false
	}, func() error { return nil }}
	c := config("spoil,memory")
	c.Address = "127.0.0.1:50051"
	spans := &tracer.Memory{}
	tr, closer, err := tracer.Open(t.Context(), c, tracer.WithMemory(spans), tracer.WithLogger(quiet),
		tracer.WithSink("spoil", func(context.Context, tracer.Config) (reporter.Reporter, error) { return spoil, nil }))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s := below(tr, "call", tr.StartSpan("root"))
		s.SetTag("k", "v").SetTag("peer.service", "caller").SetTag("peer.address", "127.0.0.2:1").LogKV("event", "sent")
		s.Finish()
	}
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	for _, m := range spans.Spans() {
		have := []any{m.LocalEndpoint.ServiceName, m.LocalEndpoint.IPv4.String(), m.RemoteEndpoint.ServiceName, m.RemoteEndpoint.IPv4.String(),
			m.Annotations[0].Value, m.Tags["k"], *m.ParentID != 0, *m.Sampled}
		want := []any{"bookserver", "127.0.0.1", "caller", "127.0.0.2", "sent", "v", true, true}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("-want +have\n%s", diff)
		}
	}
	if len(spans.Spans()) != 2 {
		t.Errorf("have %d spans, want 2", len(spans.Spans()))
	}
}
