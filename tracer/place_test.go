package tracer_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer"
)

// below starts a SERVER span below another span, or a root.
func below(tr opentracing.Tracer, name string, parent opentracing.Span) opentracing.Span {
	opts := []opentracing.StartSpanOption{ext.SpanKindRPCServer}
	if parent != nil {
		opts = append(opts, opentracing.ChildOf(parent.Context()))
	}
	return tr.StartSpan(name, opts...)
}

// parents returns the names of the spans' parents: "-" for none, "?" for one that was not reported.
func parents(spans []model.SpanModel) map[string]string {
	names := map[model.ID]string{}
	for _, s := range spans {
		names[s.ID] = s.Name
	}
	above := map[string]string{}
	for _, s := range spans {
		switch {
		case s.ParentID == nil:
			above[s.Name] = "-"
		case names[*s.ParentID] == "":
			above[s.Name] = "?"
		default:
			above[s.Name] = names[*s.ParentID]
		}
	}
	return above
}

// later lets a minute pass, by the clock of the test's bubble.
func later() { <-time.After(time.Minute) }

// SERVER spans within SERVER spans are all reported once, whichever of them is finished first, late or never.
func TestServersWithinServers(t *testing.T) {
	for name, test := range map[string]struct {
		act  func(outer, middle, inner opentracing.Span)
		want map[string]string
	}{
		"inside out": {func(o, m, i opentracing.Span) { i.Finish(); m.Finish(); o.Finish() },
			map[string]string{"outer": "-", "middle": "outer", "inner": "middle"}},
		"outside in": {func(o, m, i opentracing.Span) { o.Finish(); m.Finish(); i.Finish() },
			map[string]string{"outer": "-", "middle": "outer", "inner": "middle"}},
		"outer never": {func(o, m, i opentracing.Span) { i.Finish(); m.Finish() },
			map[string]string{"middle": "-", "inner": "middle"}},
		"middle never": {func(o, m, i opentracing.Span) { i.Finish(); later(); o.Finish() },
			map[string]string{"outer": "-", "inner": "outer"}},
		"middle late": {func(o, m, i opentracing.Span) { i.Finish(); later(); m.Finish(); o.Finish() },
			map[string]string{"outer": "-", "middle": "outer", "inner": "outer"}},
		"middle denied": {func(o, m, i opentracing.Span) { i.Finish(); ext.SamplingPriority.Set(m, 0); m.Finish(); o.Finish() },
			map[string]string{"outer": "-", "inner": "outer"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr, spans := memory(t, nil)
				outer := below(tr, "outer", nil)
				middle := below(tr, "middle", outer)
				test.act(outer, middle, below(tr, "inner", middle))
				later()
				have := parents(spans.Spans())
				if fmt.Sprint(have) != fmt.Sprint(test.want) || len(spans.Spans()) != len(test.want) {
					t.Errorf("have %v in %d spans, want %v", have, len(spans.Spans()), test.want)
				}
			})
		})
	}
}

// What waits is bounded: beyond that a span takes the outer one's place at once.
func TestServersWithinServersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const calls, awaited = 10500, 10000
		var m tracer.Metrics
		tr, spans := memory(t, nil, tracer.WithMetrics(&m))
		for range calls {
			below(tr, "inner", below(tr, "outer", nil)).Finish()
		}
		if have := len(spans.Spans()); have != calls-awaited {
			t.Errorf("have %d spans at once, want the %d beyond the %d that wait", have, calls-awaited, awaited)
		}
		later()
		if have := m.Stats().Finished; have != calls {
			t.Errorf("have %d spans in the end, want %d", have, calls)
		}
		below(tr, "inner", below(tr, "outer", nil)).Finish()
		if have := m.Stats().Finished; have != calls {
			t.Errorf("have %d spans, want the last to wait: there is room again", have)
		}
	})
}

// Each span is sent by the tracer that it was started with, also where one is below a span of another tracer.
func TestServersOfTwoTracers(t *testing.T) {
	a, ofA := memory(t, nil)
	b, ofB := memory(t, func(c *tracer.Config) { c.ServiceName = "other" })
	outer := below(a, "outer", nil)
	below(b, "inner", outer).Finish()
	outer.Finish()
	for name, test := range map[string]struct {
		spans   []model.SpanModel
		service string
	}{"outer": {ofA.Spans(), "bookserver"}, "inner": {ofB.Spans(), "other"}} {
		if len(test.spans) != 1 || test.spans[0].Name != name || test.spans[0].LocalEndpoint.ServiceName != test.service {
			t.Errorf("have %+v, want %s of %s", test.spans, name, test.service)
		}
	}
}
