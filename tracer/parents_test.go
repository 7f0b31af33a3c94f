package tracer_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer"
)

// startServer starts a SERVER span: a child of parent, or a root if parent is nil.
func startServer(
	tr opentracing.Tracer, name string, parent opentracing.Span,
) opentracing.Span {
	return startKind(tr, name, "server", parent)
}

// startKind starts a span with a kind: a child of parent, or a root if parent is nil.
func startKind(
	tr opentracing.Tracer, name string, kind ext.SpanKindEnum, parent opentracing.Span,
) opentracing.Span {
	opts := []opentracing.StartSpanOption{
		opentracing.Tag{Key: string(ext.SpanKind), Value: kind},
	}
	if parent != nil {
		opts = append(opts, opentracing.ChildOf(parent.Context()))
	}
	return tr.StartSpan(name, opts...)
}

// parents returns the names of the parents by span name: "-" for no parent, "?" for one that was
// not reported.
func parents(spans []model.SpanModel) map[string]string {
	names := map[model.ID]string{}
	for _, s := range spans {
		names[s.ID] = s.Name
	}
	parents := map[string]string{}
	for _, s := range spans {
		switch {
		case s.ParentID == nil:
			parents[s.Name] = "-"
		case names[*s.ParentID] == "":
			parents[s.Name] = "?"
		default:
			parents[s.Name] = names[*s.ParentID]
		}
	}
	return parents
}

// spanNamed returns the span with this name.
func spanNamed(t *testing.T, spans []model.SpanModel, name string) model.SpanModel {
	t.Helper()
	for _, s := range spans {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("have no span %q", name)
	return model.SpanModel{}
}

// after waits for a time of the bubble's clock, and for what happens then.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// A served is what a test of an unfinished parent works with.
type served struct {
	tr  opentracing.Tracer
	ctx context.Context
	end func() // ends the request
}

// start starts a span of the request below the one in its context, and puts it there.
func (r *served) start(name string, kind ext.SpanKindEnum) opentracing.Span {
	s := startKind(r.tr, name, kind, opentracing.SpanFromContext(r.ctx))
	r.ctx = opentracing.ContextWithSpan(r.ctx, s)
	return s
}

// finish starts and finishes a span below another one.
func (r *served) finish(name string, kind ext.SpanKindEnum, parent opentracing.Span) {
	startKind(r.tr, name, kind, parent).Finish()
}

// TestEveryNamedParentIsReported leaves a span unfinished that has finished children, in the ways
// of servers. It reads what was reported before Close and after it.
func TestEveryNamedParentIsReported(t *testing.T) {
	type spans = map[string]string // parents by name
	for name, test := range map[string]struct {
		do     func(*served)
		before spans // two minutes later
		after  spans // beside those before
	}{
		"go-kit's TraceServer below its HTTPToContext": {
			do: func(r *served) {
				outer := r.start("outer", "server")
				r.finish("inner", "server", outer)
				r.end()
			},
			before: spans{"inner": "-"},
		},
		"the same below another span": {
			do: func(r *served) {
				root := r.start("root", "")
				r.finish("inner", "server", r.start("outer", "server"))
				r.end()
				after(time.Minute)
				root.Finish()
			},
			before: spans{"root": "-", "inner": "root"},
		},
		"a CLIENT span below HTTPToContext": {
			do: func(r *served) {
				r.finish("inner", "client", r.start("outer", "server"))
				r.end()
			},
			before: spans{"inner": "outer", "outer": "-"},
		},
		"a span of a decoder, then TraceServer": {
			do: func(r *served) {
				outer := r.start("outer", "server")
				r.finish("decode", "", outer)
				r.finish("inner", "server", outer)
				r.end()
			},
			before: spans{"decode": "outer", "inner": "outer", "outer": "-"},
		},
		"TraceServer, then a span of an encoder": {
			do: func(r *served) {
				outer := r.start("outer", "server")
				r.finish("inner", "server", outer)
				r.finish("encode", "", outer)
				r.end()
			},
			before: spans{"encode": "outer", "inner": "outer", "outer": "-"},
		},
		"two SERVER spans": {
			do: func(r *served) {
				outer := r.start("outer", "server")
				r.finish("first", "server", outer)
				r.finish("second", "server", outer)
				r.end()
			},
			before: spans{"first": "outer", "second": "outer", "outer": "-"},
		},
		"no child": {
			do:     func(r *served) { r.start("outer", "server"); r.end() },
			before: spans{"outer": "-"},
		},
		"an answer that is streamed for a minute": {
			do: func(r *served) {
				r.finish("inner", "server", r.start("outer", "server"))
				after(time.Minute)
				r.end()
			},
			before: spans{"inner": "outer", "outer": "-"},
		},
		"TraceServer of a request that was cancelled before": {
			do: func(r *served) {
				inner := startServer(r.tr, "inner", r.start("outer", "server"))
				r.end()
				inner.Finish()
			},
			before: spans{"inner": "outer", "outer": "-"},
		},
		"three SERVER spans, the outer two abandoned": {
			do: func(r *served) {
				r.start("outer", "server")
				r.finish("inner", "server", r.start("middle", "server"))
				r.end()
			},
			before: spans{"inner": "outer", "outer": "-"},
		},
		"a goroutine that outlives the request": {
			do: func(r *served) {
				outer := r.start("outer", "server")
				late := startKind(r.tr, "late", "client", outer)
				inner := startServer(r.tr, "inner", outer)
				later := startKind(r.tr, "later", "", inner)
				inner.Finish()
				r.end()
				after(time.Minute)
				late.Finish()
				later.Finish()
			},
			before: spans{"late": "inner", "later": "inner", "inner": "-"},
		},
		"a context that can never be done": {
			do: func(r *served) {
				r.ctx = context.WithoutCancel(r.ctx)
				r.finish("inner", "server", r.start("outer", "server"))
				r.end()
			},
			before: spans{"inner": "outer", "outer": "-"},
		},
		"no context": {
			do: func(r *served) {
				outer := startServer(r.tr, "outer", nil)
				r.finish("inner", "server", outer)
			},
			before: spans{"inner": "?"},
			after:  spans{"outer": "-"},
		},
		"no context, other kinds": {
			do: func(r *served) {
				root := startKind(r.tr, "root", "", nil)
				call := startKind(r.tr, "call", "client", root)
				r.finish("inner", "producer", startKind(r.tr, "consume", "consumer", call))
			},
			before: spans{"inner": "?"},
			after:  spans{"consume": "call", "call": "root", "root": "-"},
		},
		"a span that is no SERVER span outlives its request": {
			do: func(r *served) {
				r.start("outer", "server").Finish()
				job := r.start("job", "")
				r.finish("step", "client", job)
				r.end()
			},
			before: spans{"outer": "-", "step": "?"},
			after:  spans{"job": "outer"},
		},
		"a request that goes on at Close": {
			do: func(r *served) {
				r.finish("inner", "server", r.start("outer", "server"))
			},
			before: spans{"inner": "?"},
			after:  spans{"outer": "-"},
		},
		"an unsampled span in between": {
			do: func(r *served) {
				outer := r.start("outer", "server")
				off := r.tr.StartSpan("off", opentracing.ChildOf(outer.Context()),
					opentracing.Tag{Key: string(ext.SamplingPriority), Value: 0})
				deeper := r.tr.StartSpan("deeper", opentracing.ChildOf(off.Context()))
				r.tr.StartSpan("on", opentracing.ChildOf(deeper.Context()),
					opentracing.Tag{Key: string(ext.SamplingPriority), Value: 1}).Finish()
				r.finish("inner", "server", outer)
				r.end()
			},
			before: spans{"on": "outer", "inner": "outer", "outer": "-"},
		},
		"not sampled, said late": {
			do: func(r *served) {
				outer := r.start("outer", "server")
				middle := r.start("middle", "server")
				r.finish("inner", "server", middle)
				ext.SamplingPriority.Set(middle, 0)
				middle.Finish()
				outer.Finish()
			},
			before: spans{"outer": "-", "inner": "outer"},
		},
		"not sampled, said too late": {
			do: func(r *served) {
				outer := r.start("outer", "server")
				r.finish("inner", "client", outer)
				ext.SamplingPriority.Set(outer, 0)
				outer.Finish()
			},
			before: spans{"outer": "-", "inner": "outer"},
		},
		"not sampled and abandoned": {
			do: func(r *served) {
				root := r.start("root", "")
				outer := r.start("outer", "server")
				inner := startServer(r.tr, "inner", outer)
				client := startKind(r.tr, "client", "client", outer)
				ext.SamplingPriority.Set(outer, 0)
				inner.Finish()
				r.end()
				after(time.Minute)
				client.Finish()
				root.Finish()
			},
			before: spans{"root": "-", "inner": "root", "client": "root"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				all := &tracer.Memory{}
				tr, closer := open(t, config("memory"), tracer.WithMemory(all))
				r := &served{tr: tr}
				r.ctx, r.end = context.WithCancel(t.Context())
				defer r.end()
				test.do(r)
				after(2 * time.Minute)
				if have := parents(all.Spans()); !cmp.Equal(test.before, have) {
					t.Errorf("before Close: have %v, want %v", have, test.before)
				}
				if err := closer.Close(); err != nil {
					t.Error(err)
				}
				have, n := parents(all.Spans()), len(test.before)+len(test.after)
				for name, parent := range have {
					if parent == "?" {
						t.Errorf("%s names a parent that was not reported: %v", name, have)
					}
				}
				for name, parent := range test.after {
					if have[name] != parent {
						t.Errorf("%s: have parent %s, want %s", name, have[name], parent)
					}
				}
				if len(all.Spans()) != n {
					t.Errorf("have %d spans, want %d", len(all.Spans()), n)
				}
			})
		})
	}
}

// TestAReplacedSpanIsNotLost sets everything that a span has on go-kit's abandoned SERVER span. The
// SERVER span that takes its place has all of it, and what was set on itself takes precedence.
func TestAReplacedSpanIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, spans := memory(t, func(c *tracer.Config) { c.Propagation.BaggageTags = "user" })
		ctx, end := context.WithCancel(t.Context())
		first, linked := tr.StartSpan("first"), tr.StartSpan("linked")
		first.Finish()
		linked.Finish()
		start := time.Now()
		outer := tr.StartSpan("GET /books", ext.SpanKindRPCServer,
			opentracing.FollowsFrom(first.Context()), opentracing.FollowsFrom(linked.Context()))
		ctx = opentracing.ContextWithSpan(ctx, outer)
		outer.SetTag("http.method", "GET").SetTag("both", "outer").SetBaggageItem("user", "ann")
		outer.SetTag("peer.service", "shop").SetTag("peer.address", "10.0.0.1:80")
		outer.LogKV("event", "decoded")
		outer.LogKV("event", "error", "message", "no paper")
		after(time.Millisecond)
		inner := startServer(tr, "list", opentracing.SpanFromContext(ctx))
		inner.SetTag("both", "inner").SetTag("peer.service", "own").SetTag("error", true)
		after(time.Millisecond)
		inner.LogKV("event", "listed")
		inner.Finish()
		outer.SetTag("late", "ServerAfter")
		end()
		after(time.Minute)
		outer.SetTag("too", "late").Finish()
		have := spanNamed(t, spans.Spans(), "list")
		if len(spans.Spans()) != 3 || have.Kind != model.Server {
			t.Errorf("have %v, want one SERVER span beside the other two", spans.Spans())
		}
		isBelow(t, have, spanNamed(t, spans.Spans(), "first"))
		if !have.Timestamp.Equal(start) || have.Duration != 2*time.Millisecond {
			t.Errorf("have %v from %v, want 2ms from %v", have.Duration, have.Timestamp, start)
		}
		l := spanNamed(t, spans.Spans(), "linked")
		want := map[string]string{
			"http.method": "GET", "both": "inner", "user": "ann", "late": "ServerAfter",
			"outer_name": "GET /books", "error": "no paper",
			"opentracing.ref_type":   "follows_from",
			"opentracing.references": fmt.Sprintf("follows_from:%v:%v", l.TraceID, l.ID),
		}
		if diff := cmp.Diff(want, have.Tags); diff != "" {
			t.Errorf("tags: -want +have\n%s", diff)
		}
		wantLogs := []string{"decoded", "event=error message=no paper", "listed"}
		if diff := cmp.Diff(wantLogs, texts(have)); diff != "" {
			t.Errorf("logs: -want +have\n%s", diff)
		}
		wantPeer := &model.Endpoint{ServiceName: "own", IPv4: []byte{10, 0, 0, 1}, Port: 80}
		if diff := cmp.Diff(wantPeer, have.RemoteEndpoint, sameEndpoint); diff != "" {
			t.Errorf("peer: -want +have\n%s", diff)
		}
	})
}

// isBelow checks that the parent of child is the given span.
func isBelow(t *testing.T, child, parent model.SpanModel) {
	t.Helper()
	if child.ParentID == nil || *child.ParentID != parent.ID || child.TraceID != parent.TraceID {
		t.Errorf("%q: have parent %v, want %v", child.Name, child.ParentID, parent.ID)
	}
}

// TestAReplacedSpanWithTheSameName has no tag for the name.
func TestAReplacedSpanWithTheSameName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, spans := memory(t, nil)
		ctx, end := context.WithCancel(t.Context())
		outer := startServer(tr, "list", nil)
		opentracing.ContextWithSpan(ctx, outer)
		startServer(tr, "list", outer).Finish()
		end()
		after(time.Minute)
		if have := spans.Spans(); len(have) != 1 || len(have[0].Tags) != 0 {
			t.Errorf("have %v, want one span without tags", have)
		}
	})
}

// TestACompletedSpan checks kind, tags and duration of a span that its owner never finishes.
func TestACompletedSpan(t *testing.T) {
	const ms = time.Millisecond
	type want struct {
		kind       model.Kind
		unfinished bool
		duration   time.Duration // at least
		most       time.Duration // at most, if it differs
	}
	for name, test := range map[string]struct {
		do   func(*served)
		want want
	}{
		"ends with its last child": {
			func(r *served) {
				client := startKind(r.tr, "inner", "client", r.start("outer", "server"))
				after(20 * ms)
				client.Finish()
				r.end()
				after(time.Minute)
			},
			want{model.Server, false, 20 * ms, 20 * ms},
		},
		"has no kind if a SERVER span is below it": {
			func(r *served) {
				outer := r.start("outer", "server")
				r.finish("auth", "client", outer)
				r.finish("inner", "server", outer)
				after(20 * ms)
				r.end()
				after(time.Minute)
			},
			want{"", false, 0, 20 * ms},
		},
		"a stream without an end of its own lasts until the request's": {
			func(r *served) {
				r.finish("inner", "server", r.start("outer", "server"))
				after(90 * time.Second)
				r.end()
				after(time.Minute)
			},
			want{"", false, 89 * time.Second, 90 * time.Second},
		},
		"goes on at Close": {
			func(r *served) {
				r.finish("inner", "server", r.start("outer", "server"))
				after(time.Minute)
			},
			want{model.Server, true, time.Minute, time.Minute},
		},
		"is idle in a context that can never be done": {
			func(r *served) {
				r.ctx = context.WithoutCancel(r.ctx)
				outer := r.start("outer", "server")
				after(20 * ms)
				r.finish("inner", "client", outer)
				after(2 * time.Minute)
			},
			want{model.Server, false, 20 * ms, 20 * ms},
		},
		"is no SERVER span": {
			func(r *served) {
				r.finish("inner", "client", startKind(r.tr, "outer", "consumer", nil))
				after(time.Minute)
			},
			want{model.Consumer, true, time.Minute, time.Minute},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				all := &tracer.Memory{}
				tr, closer := open(t, config("memory"), tracer.WithMemory(all))
				r := &served{tr: tr}
				r.ctx, r.end = context.WithCancel(t.Context())
				defer r.end()
				test.do(r)
				if err := closer.Close(); err != nil {
					t.Error(err)
				}
				have := spanNamed(t, all.Spans(), "outer")
				unfinished := have.Tags["unfinished"] == "true"
				if have.Kind != test.want.kind || unfinished != test.want.unfinished ||
					have.Duration < test.want.duration || have.Duration > max(ms, test.want.most) {
					t.Errorf("have kind %q, unfinished: %v, %v; want %+v",
						have.Kind, unfinished, have.Duration, test.want)
				}
			})
		})
	}
}

// TestAHandlerMayOutliveItsContext finishes a SERVER span some seconds after its client has hung
// up. The span is reported as its owner finished it.
func TestAHandlerMayOutliveItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, spans := memory(t, nil)
		ctx, hangUp := context.WithCancel(t.Context())
		server := startServer(tr, "call", nil)
		opentracing.ContextWithSpan(ctx, server)
		startKind(tr, "query", "client", server).Finish()
		hangUp()
		after(9 * time.Second)
		server.SetTag("status", 503).Finish()
		have := spanNamed(t, spans.Spans(), "call")
		if have.Duration != 9*time.Second || have.Tags["status"] != "503" {
			t.Errorf("have %v with %v, want 9s and the status", have.Duration, have.Tags)
		}
	})
}

// TestAStreamsSpanIsTheParentOfItsMessages has a SERVER span that ends long after the SERVER spans
// in it, with and without a context.
func TestAStreamsSpanIsTheParentOfItsMessages(t *testing.T) {
	for name, place := range map[string]func(context.Context, opentracing.Span){
		"no context": func(context.Context, opentracing.Span) {},
		"context": func(ctx context.Context, s opentracing.Span) {
			opentracing.ContextWithSpan(ctx, s)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr, spans := memory(t, nil)
				ctx, end := context.WithCancel(t.Context())
				stream := startServer(tr, "stream", nil)
				place(ctx, stream)
				for i := range 10 {
					startServer(tr, fmt.Sprint("message ", i), stream).Finish()
					after(10 * time.Minute)
				}
				stream.SetTag("messages", 10).Finish()
				end()
				have := spans.Spans()
				for name, parent := range parents(have) {
					if parent != "stream" && name != "stream" {
						t.Errorf("%s: have parent %s, want stream", name, parent)
					}
				}
				s := spanNamed(t, have, "stream")
				if s.Kind != model.Server || s.Duration != 100*time.Minute ||
					s.Tags["messages"] != "10" || len(have) != 11 {
					t.Errorf("have %v in %d spans, want the stream as it was finished",
						s, len(have))
				}
			})
		})
	}
}

// TestAnInjectedSpanIsReported injects the context of a span that is never finished. The next
// process may name it.
func TestAnInjectedSpanIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := &tracer.Memory{}
		tr, closer := open(t, config("memory"), tracer.WithMemory(all))
		root := tr.StartSpan("root")
		sent := startKind(tr, "sent", "client", root)
		headers := inject(t, tr, sent.Context())
		tr.StartSpan("not sent", opentracing.ChildOf(root.Context()))
		off := tr.StartSpan("too late", opentracing.ChildOf(root.Context()))
		inject(t, tr, off.Context())
		ext.SamplingPriority.Set(off, 0)
		off.Finish()
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
		want := map[string]string{"root": "-", "sent": "root", "too late": "root"}
		if have := parents(all.Spans()); !cmp.Equal(want, have) {
			t.Errorf("have %v, want %v", have, want)
		}
		if id := spanNamed(t, all.Spans(), "sent").ID.String(); headers["x-b3-spanid"] != id {
			t.Errorf("have %v injected, want span %s", headers, id)
		}
	})
}

// TestTheContextOfAReplacedSpanNamesItsSuccessor injects the context of a span after another one
// has taken its place, and starts spans from it.
func TestTheContextOfAReplacedSpanNamesItsSuccessor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, spans := memory(t, nil)
		ctx, end := context.WithCancel(t.Context())
		outer := startServer(tr, "outer", nil)
		opentracing.ContextWithSpan(ctx, outer)
		startServer(tr, "inner", outer).Finish()
		end()
		after(time.Minute)
		inner := spanNamed(t, spans.Spans(), "inner")
		if id := inject(t, tr, outer.Context())["x-b3-spanid"]; id != inner.ID.String() {
			t.Errorf("have span %s injected, want %v", id, inner.ID)
		}
		startKind(tr, "late", "client", outer).Finish()
		off := tr.StartSpan("off", opentracing.ChildOf(outer.Context()),
			opentracing.Tag{Key: string(ext.SamplingPriority), Value: 0})
		tr.StartSpan("on", opentracing.ChildOf(off.Context()),
			opentracing.Tag{Key: string(ext.SamplingPriority), Value: 1}).Finish()
		want := map[string]string{"inner": "-", "late": "inner", "on": "inner"}
		if have := parents(spans.Spans()); !cmp.Equal(want, have) {
			t.Errorf("have %v, want %v", have, want)
		}
	})
}
