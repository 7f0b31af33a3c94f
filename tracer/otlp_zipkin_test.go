package tracer_test

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

	"bookservice/tracer"
)

// TestOTLPAndZipkinReceiveTheSame sends one trace to both at once.
func TestOTLPAndZipkinReceiveTheSame(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			r, z := newReceiver(t, nil), newCollector(t, 0)
			c := config("otlp,zipkin")
			c.OTLP.Protocol, c.OTLP.Endpoint, c.Zipkin.URL = protocol, r.at(protocol), z.URL+"/api/v2/spans"
			tr, closer, err := tracer.Open(t.Context(), c, tracer.WithLogger(quiet))
			if err != nil {
				t.Fatal(err)
			}
			root := tr.StartSpan("root", opentracing.Tag{Key: "share", Value: 0.25})
			for _, kind := range []ext.SpanKindEnum{"client", "server", "producer", "consumer"} {
				s := tr.StartSpan(string(kind), opentracing.ChildOf(root.Context()), opentracing.Tag{Key: "span.kind", Value: kind})
				s.SetTag("peer.service", "other").SetTag("peer.address", "[fe80::1]:80").SetTag("n", 7).SetTag("ok", true)
				s.LogFields(log.String("event", "retry"), log.Int("try", 2))
				s.LogFields(log.String("event", "done"))
				ext.Error.Set(s, kind == "server")
				s.Finish()
			}
			tr.StartSpan("later", opentracing.FollowsFrom(root.Context())).Finish()
			root.Finish()
			if err := closer.Close(); err != nil {
				t.Fatal(err)
			}
			want, have := z.received(t), r.received()
			for i := range have { // to Zipkin's resolution
				have[i].Timestamp = have[i].Timestamp.Truncate(time.Microsecond)
				have[i].Duration = (have[i].Duration + 500).Truncate(time.Microsecond)
				for j := range have[i].Annotations {
					have[i].Annotations[j].Timestamp = have[i].Annotations[j].Timestamp.Truncate(time.Microsecond)
				}
			}
			for _, spans := range [][]model.SpanModel{want, have} {
				slices.SortFunc(spans, func(a, b model.SpanModel) int { return stdcmp.Compare(a.ID, b.ID) })
			}
			if diff := cmp.Diff(want, have, cmpopts.EquateEmpty(), cmpopts.EquateApproxTime(0)); diff != "" || len(have) != 6 {
				t.Errorf("have %d spans, want 6: -zipkin +otlp\n%s", len(have), diff)
			}
		})
	}
}
