package tracer_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer"
)

// replace starts a SERVER span whose request ends after its only SERVER child has finished, and
// waits until the child has taken its place.
func replace(t *testing.T, tr opentracing.Tracer) (outer opentracing.Span) {
	t.Helper()
	ctx, hangUp := context.WithCancel(t.Context())
	outer = startServer(tr, "stream", nil)
	outer.SetTag("topic", "books").LogKV("event", "opened")
	opentracing.ContextWithSpan(ctx, outer)
	startServer(tr, "message", outer).Finish()
	hangUp()
	after(1600 * time.Millisecond)
	return outer
}

// TestAFinishedSpanIsReportedHoweverLateItIs finishes a SERVER span long after its client has hung
// up, when its only child has taken its place. It is reported with everything that was set on it.
func TestAFinishedSpanIsReportedHoweverLateItIs(t *testing.T) {
	for name, late := range map[string]time.Duration{"at once": 0, "an hour later": time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var m tracer.Metrics
				tr, spans := memory(t, nil, tracer.WithMetrics(&m))
				outer := replace(t, tr)
				alone := map[string]string{"message": "-"}
				if have := parents(spans.Spans()); !cmp.Equal(alone, have) {
					t.Errorf("before Finish: have %v, want the message alone", have)
				}
				after(late)
				outer.SetTag("rows", 42).SetOperationName("Stream")
				ext.LogError(outer, errors.New("client gone"))
				outer.Finish()
				outer.SetTag("rows", 43).Finish()
				have := spanNamed(t, spans.Spans(), "Stream")
				want := map[string]string{"topic": "books", "rows": "42", "error": "client gone"}
				if diff := cmp.Diff(want, have.Tags); diff != "" {
					t.Errorf("tags: -want +have\n%s", diff)
				}
				lasted := 1600*time.Millisecond + late
				if have.Duration != lasted || have.Kind != model.Server {
					t.Errorf("have %v, kind %q; want %v as SERVER",
						have.Duration, have.Kind, lasted)
				}
				if texts := texts(have); len(texts) != 2 || texts[0] != "opened" ||
					!strings.Contains(texts[1], "client gone") {
					t.Errorf("have logs %q, want both", texts)
				}
				isBelow(t, have, spanNamed(t, spans.Spans(), "message"))
				if s := m.Stats(); len(spans.Spans()) != 2 || s.Finished != 2 || s.Unfinished != 0 {
					t.Errorf("have %v and %+v, want two spans", spans.Spans(), s)
				}
				message := spanNamed(t, spans.Spans(), "message")
				if l := texts(message); len(l) != 1 || message.Tags["topic"] != "books" {
					t.Errorf("have %q and %v in the message, want them unchanged", l, message.Tags)
				}
			})
		})
	}
}

// TestTheSpansOfALateSpanNameItsSuccessor starts and finishes spans below a replaced span, before
// and after its owner finishes it. They name a span that is reported.
func TestTheSpansOfALateSpanNameItsSuccessor(t *testing.T) {
	for name, priority := range map[string]any{"reported": nil, "disabled": 0} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr, spans := memory(t, nil)
				root := tr.StartSpan("root")
				ctx, hangUp := context.WithCancel(t.Context())
				outer := startServer(tr, "stream", root)
				opentracing.ContextWithSpan(ctx, outer)
				early := startKind(tr, "early", "client", outer)
				startServer(tr, "message", outer).Finish()
				hangUp()
				after(1600 * time.Millisecond)
				other := startKind(tr, "other", "client", outer)
				early.Finish()
				want := map[string]string{
					"root": "-", "message": "root", "early": "message", "other": "message",
				}
				if priority == nil {
					want["stream"], want["new"] = "message", "message"
				} else {
					outer.SetTag("sampling.priority", priority)
				}
				outer.Finish()
				other.Finish()
				startKind(tr, "new", "client", outer).Finish()
				root.Finish()
				if have := parents(spans.Spans()); !cmp.Equal(want, have) {
					t.Errorf("have %v, want %v", have, want)
				}
			})
		})
	}
}

// TestALateSpanIsNotReportedWithoutFinish leaves a replaced span as it is. Its successor has
// everything, so Close reports and counts nothing more.
func TestALateSpanIsNotReportedWithoutFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m tracer.Metrics
		all := &tracer.Memory{}
		tr, closer := open(t, config("memory"), tracer.WithMemory(all), tracer.WithMetrics(&m))
		replace(t, tr).SetTag("rows", 42)
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
		if s := m.Stats(); len(all.Spans()) != 1 || s.Unfinished != 0 {
			t.Errorf("have %v and %+v, want the message alone", all.Spans(), s)
		}
	})
}

// TestNoTagOfAReplacedSpanIsLost sets the same keys on two SERVER spans, of which the inner one
// takes the outer one's place. Both values are reported.
func TestNoTagOfAReplacedSpanIsLost(t *testing.T) {
	type tags = map[string]any
	long := strings.Repeat("k", 256)
	for name, test := range map[string]struct {
		outer, inner tags
		want         map[string]string
	}{
		"other values": {
			tags{"component": "net/http", "http.status_code": 200, "user": "ann"},
			tags{"component": "gRPC", "http.status_code": 500},
			map[string]string{
				"component": "gRPC", "outer_component": "net/http", "user": "ann",
				"http.status_code": "500", "outer_http.status_code": "200",
			},
		},
		"the same value": {
			tags{"component": "gRPC", "code": 7}, tags{"component": "gRPC", "code": "7"},
			map[string]string{"component": "gRPC", "code": "7"},
		},
		"the prefixed key is in use": {
			tags{"a": 1}, tags{"a": 2, "outer_a": 3},
			map[string]string{"a": "2", "outer_a": "3", "outer_outer_a": "1"},
		},
		"a key of the greatest length": {
			tags{long: 1}, tags{long: 2},
			map[string]string{long: "2", "outer_" + long[:250]: "1"},
		},
		"errors": {
			tags{"error": "outer failed"}, tags{"error": "inner failed"},
			map[string]string{"error": "inner failed", "outer_error": "outer failed"},
		},
		"errors, the inner one without a message": {
			tags{"error": "outer failed"}, tags{"error": true},
			map[string]string{"error": "outer failed"},
		},
		"errors, the outer one without a message": {
			tags{"error": true}, tags{"error": "inner failed"},
			map[string]string{"error": "inner failed"},
		},
		"an error of the outer one": {
			tags{"error": "outer failed"}, nil, map[string]string{"error": "outer failed"},
		},
		"an error of the outer one, denied by the inner one": {
			tags{"error": "outer failed"}, tags{"error": false},
			map[string]string{"error": "outer failed"},
		},
		"an error of the inner one": {
			tags{"error": false}, tags{"error": "inner failed"},
			map[string]string{"error": "inner failed"},
		},
		"the same error": {
			tags{"error": "failed"}, tags{"error": "failed"}, map[string]string{"error": "failed"},
		},
		"a message in a tag": {
			tags{"error": true, "error.message": "outer failed"},
			tags{"error": true, "error.message": "inner failed"},
			map[string]string{
				"error": "inner failed", "error.message": "inner failed",
				"outer_error.message": "outer failed", "outer_error": "outer failed",
			},
		},
		"peers": {
			tags{"peer.service": "shop", "peer.address": "10.0.0.1:80"},
			tags{"peer.service": "proxy", "peer.address": "[2001:db8::1]:443"},
			map[string]string{
				"outer_peer.service": "shop", "outer_peer.address": "10.0.0.1:80",
			},
		},
		"ports of one peer": {
			tags{"peer.ipv4": "10.0.0.1", "peer.port": 80}, tags{"peer.port": 81},
			map[string]string{"outer_peer.address": "10.0.0.1:80"},
		},
		"the same peer": {
			tags{"peer.service": "shop", "peer.address": "10.0.0.1:80"},
			tags{"peer.service": "shop", "peer.address": "10.0.0.1"},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr, spans := memory(t, nil)
				ctx, end := context.WithCancel(t.Context())
				outer := startServer(tr, "call", nil)
				opentracing.ContextWithSpan(ctx, outer)
				inner := startServer(tr, "call", outer)
				for key, value := range test.outer {
					outer.SetTag(key, value)
				}
				for key, value := range test.inner {
					inner.SetTag(key, value)
				}
				inner.Finish()
				end()
				after(time.Minute)
				if n := len(spans.Spans()); n != 1 {
					t.Fatalf("have %d spans, want 1", n)
				}
				have := spans.Spans()[0].Tags
				if fmt.Sprint(have) != fmt.Sprint(test.want) {
					t.Errorf("have %v, want %v", have, test.want)
				}
			})
		})
	}
}

// TestTheNamesOfTwoReplacedSpansAreKept replaces three SERVER spans by the fourth.
func TestTheNamesOfTwoReplacedSpansAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := &tracer.Memory{}
		tr, closer := open(t, config("memory"), tracer.WithMemory(all))
		var spans []opentracing.Span
		for i, name := range []string{"a", "b", "c", "d"} {
			var parent opentracing.Span
			if i > 0 {
				parent = spans[i-1]
			}
			s := startServer(tr, name, parent)
			s.SetTag("who", name)
			spans = append(spans, s)
		}
		spans[3].Finish()
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
		have := all.Spans()
		said := map[string]bool{}
		for _, s := range have {
			said[s.Name] = true
			for _, value := range s.Tags {
				said[value] = true
			}
		}
		for _, name := range []string{"a", "b", "c", "d"} {
			if !said[name] {
				t.Errorf("have %v, want %s in it", have, name)
			}
		}
		if s := spanNamed(t, have, "d"); len(have) == 1 && s.Tags["who"] != "d" {
			t.Errorf("have tags %v, want its own", s.Tags)
		}
	})
}
