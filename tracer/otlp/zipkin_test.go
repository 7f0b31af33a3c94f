package otlp_test

import (
	stdcmp "cmp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/opentracing/opentracing-go/log"
	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer/tracertest/receiver"
)

// TestOTLPAndZipkinReportTheSameSpans sends one trace to both backends.
func TestOTLPAndZipkinReportTheSameSpans(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			r, z := receiver.NewOTLP(t, nil), receiver.NewZipkin(t, 0)
			s := to(r, protocol)
			s.Backend, s.Zipkin.URL = "otlp,zipkin", z.URL
			if err := s.run(t, finishKinds); err != nil {
				t.Fatal(err)
			}
			want, have := z.Spans(t), r.Spans()
			for i := range have { // Zipkin rounds to microseconds
				have[i].Timestamp = have[i].Timestamp.Truncate(time.Microsecond)
				have[i].Duration = (have[i].Duration + 500).Truncate(time.Microsecond)
				for j := range have[i].Annotations {
					a := &have[i].Annotations[j]
					a.Timestamp = a.Timestamp.Truncate(time.Microsecond)
				}
			}
			for _, spans := range [][]model.SpanModel{want, have} {
				slices.SortFunc(spans, func(a, b model.SpanModel) int {
					return stdcmp.Compare(a.ID, b.ID)
				})
			}
			opts := cmp.Options{cmpopts.EquateEmpty(), cmpopts.EquateApproxTime(0)}
			if diff := cmp.Diff(want, have, opts); diff != "" || len(have) != 6 {
				t.Errorf("have %d spans, want 6: -zipkin +otlp\n%s", len(have), diff)
			}
		})
	}
}

// finishKinds finishes a trace with a span of each kind.
func finishKinds(tr opentracing.Tracer) {
	root := tr.StartSpan("root", opentracing.Tag{Key: "share", Value: 0.25})
	for _, kind := range []ext.SpanKindEnum{"client", "server", "producer", "consumer"} {
		s := tr.StartSpan(string(kind), opentracing.ChildOf(root.Context()),
			opentracing.Tag{Key: "span.kind", Value: kind})
		s.SetTag("peer.service", "other").SetTag("peer.address", "[fe80::1]:80")
		s.SetTag("n", 7).SetTag("ok", true)
		s.LogFields(log.String("event", "retry"), log.Int("try", 2))
		s.LogFields(log.String("event", "done"))
		ext.Error.Set(s, kind == "server")
		s.Finish()
	}
	tr.StartSpan("later", opentracing.FollowsFrom(root.Context())).Finish()
	root.Finish()
}
