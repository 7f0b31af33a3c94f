package tracer_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/opentracing/opentracing-go/log"
	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer"
)

// TestLimitsInBytes checks that names, keys, values and log records are truncated between
// characters, also if the replacement of invalid UTF-8 makes them longer.
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

// TestSpansAreTheReportersOwn has a reporter that changes its spans. No other backend, and no later
// span, may see the changes.
func TestSpansAreTheReportersOwn(t *testing.T) {
	spoil := reporterFunc{func(m model.SpanModel) {
		m.LocalEndpoint.ServiceName, m.LocalEndpoint.IPv4[0] = "spoilt", 0
		m.RemoteEndpoint.ServiceName, m.RemoteEndpoint.IPv4[0] = "spoilt", 0
		m.Annotations[0].Value, m.Tags["k"] = "spoilt", "spoilt"
		*m.ParentID, *m.Sampled = 0, false
	}, func() error { return nil }}
	c := config("mine,memory")
	c.Address = "127.0.0.1:50051"
	spans := &tracer.Memory{}
	tr, closer, err := tracer.Open(t.Context(), c, tracer.WithMemory(spans), tracer.WithLogger(quiet),
		withReporter(spoil, nil))
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
