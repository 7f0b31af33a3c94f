package tracertest

import (
	"context"
	"fmt"
	"testing"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/openzipkin/zipkin-go/model"
)

// namesReported checks that each parent that a span names was reported, and belongs to its trace.
func namesReported(t *testing.T, spans []model.SpanModel) {
	t.Helper()
	traces := map[model.ID]model.TraceID{}
	for _, s := range spans {
		traces[s.ID] = s.TraceID
	}
	for _, s := range spans {
		if s.ParentID == nil {
			continue
		}
		if trace, ok := traces[*s.ParentID]; !ok || trace != s.TraceID {
			t.Errorf("%q: have parent %v of trace %v, which was not reported", s.Name, s.ParentID,
				s.TraceID)
		}
	}
}

// checkParents starts a SERVER span with children of every kind, which finish before it, after it,
// or when it is abandoned.
func checkParents(t *testing.T, open Open) {
	kinds := []ext.SpanKindEnum{"server", "client", "producer", "consumer", ""}
	for _, outer := range kinds {
		for _, ending := range []string{"finished", "finished first", "abandoned", "leaked"} {
			t.Run(fmt.Sprintf("%s below %q", ending, outer), func(t *testing.T) {
				tr, received := open(t, nil)
				root := tr.StartSpan("root")
				for i, inner := range kinds {
					checkParent(t, tr, root, fmt.Sprint(i), outer, inner, ending)
				}
				root.Finish()
				spans := received()
				namesReported(t, spans)
				checkTags(t, spans, kinds)
			})
		}
	}
}

// checkParent starts a span with one child, and ends it.
func checkParent(
	t *testing.T, tr opentracing.Tracer, root opentracing.Span, name string,
	outerKind, innerKind ext.SpanKindEnum, ending string,
) {
	ctx, end := context.WithCancel(t.Context())
	defer end()
	outer := tr.StartSpan("outer "+name, opentracing.ChildOf(root.Context()),
		opentracing.Tag{Key: "span.kind", Value: outerKind})
	outer.SetTag("outer."+name, "v")
	if ending == "abandoned" {
		opentracing.ContextWithSpan(ctx, outer)
	}
	inner := tr.StartSpan("inner "+name, opentracing.ChildOf(outer.Context()),
		opentracing.Tag{Key: "span.kind", Value: innerKind})
	if ending == "finished first" {
		outer.Finish()
	}
	inner.Finish()
	if ending == "finished" {
		outer.Finish()
	}
}

// checkTags checks that the tags of each outer span were reported, on a span of the trace.
func checkTags(t *testing.T, spans []model.SpanModel, kinds []ext.SpanKindEnum) {
	t.Helper()
	for i := range kinds {
		n := 0
		for _, s := range spans {
			if s.Tags[fmt.Sprint("outer.", i)] == "v" {
				n++
			}
		}
		if n != 1 {
			t.Errorf("outer %d: have its tag on %d spans, want 1", i, n)
		}
	}
}

// checkUnfinished leaves a chain of spans unfinished. Those with reported descendants are reported
// at Close, with the tag unfinished.
func checkUnfinished(t *testing.T, open Open) {
	tr, received := open(t, nil)
	root := tr.StartSpan("root").SetTag("k", "v")
	middle := tr.StartSpan("middle", opentracing.ChildOf(root.Context()))
	tr.StartSpan("leaf", opentracing.ChildOf(middle.Context())).Finish()
	tr.StartSpan("alone", opentracing.ChildOf(root.Context()))
	have := byName(t, received(), "root", "middle", "leaf")
	isRoot(t, have["root"])
	isChild(t, have["middle"], have["root"])
	isChild(t, have["leaf"], have["middle"])
	for name, want := range map[string]string{"root": "true", "middle": "true", "leaf": ""} {
		if tag := have[name].Tags["unfinished"]; tag != want {
			t.Errorf("%s: have tag unfinished=%q, want %q", name, tag, want)
		}
	}
	if have["root"].Tags["k"] != "v" {
		t.Errorf("have tags %v of the unfinished root, want k=v", have["root"].Tags)
	}
}
