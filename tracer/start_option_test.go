package tracer_test

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer"
)

// A preset is a start option of the user's own that hands over its map and its slice.
type preset struct {
	tags map[string]any
	refs []opentracing.SpanReference
}

func (p preset) Apply(o *opentracing.StartSpanOptions) { o.Tags, o.References = p.tags, p.refs }

// optionFunc is a start option of the user's own.
type optionFunc func(*opentracing.StartSpanOptions)

func (f optionFunc) Apply(o *opentracing.StartSpanOptions) { f(o) }

func contextOf(s opentracing.Span) tracer.SpanContext { return s.Context().(tracer.SpanContext) }

func spanIDOf(s opentracing.Span) string { return contextOf(s).SpanID() }

// TestAStartOptionKeepsItsMapAndSlice starts spans with an option that hands over its map and its
// slice, while other goroutines read them and other spans start. They stay as they were, and each
// span has the tags and the parent of its own options.
func TestAStartOptionKeepsItsMapAndSlice(t *testing.T) {
	for name, sampled := range map[string]int{"sampled": 1, "unsampled": 0} {
		t.Run(name, func(t *testing.T) {
			tr, spans := memory(t, nil)
			parent, other := tr.StartSpan("parent"), tr.StartSpan("other")
			list := []opentracing.SpanReference{
				opentracing.ChildOf(parent.Context()), opentracing.FollowsFrom(parent.Context()),
			}
			p := preset{map[string]any{"team": "books", "sampling.priority": sampled}, list[:1]}
			tags, refs := maps.Clone(p.tags), slices.Clone(list)
			stop := make(chan struct{})
			var readers, starters sync.WaitGroup
			readers.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						if p.tags["team"] != "books" {
							t.Error("the map has changed")
							return
						}
					}
				}
			})
			for range 4 {
				starters.Go(func() {
					for range 200 {
						tr.StartSpan("preset", p, ext.RPCServerOption(other.Context())).Finish()
						tr.StartSpan("after it", ext.RPCServerOption(other.Context())).Finish()
						tr.StartSpan("alone").Finish()
					}
				})
			}
			starters.Wait()
			close(stop)
			readers.Wait()
			if !cmp.Equal(tags, p.tags) || !slices.Equal(refs, list) {
				t.Errorf("have map %v and slice %v, want %v and %v", p.tags, list, tags, refs)
			}
			want := map[string]string{"after it": "map[]", "alone": "map[]"}
			if sampled == 1 {
				want["preset"] = fmt.Sprint(map[string]string{
					"team": "books",
					"opentracing.references": fmt.Sprintf("child_of:%v:%v",
						contextOf(other).TraceID(), spanIDOf(other)),
				})
			}
			for _, s := range spans.Spans() {
				if have := fmt.Sprint(s.Tags); have != want[s.Name] {
					t.Fatalf("%s: have tags %s, want %s", s.Name, have, want[s.Name])
				}
				above := map[string]string{
					"preset": spanIDOf(parent), "after it": spanIDOf(other), "alone": "",
				}[s.Name]
				if (s.ParentID == nil) != (above == "") || s.ParentID != nil &&
					s.ParentID.String() != above {
					t.Fatalf("%s: have parent %v, want %q", s.Name, s.ParentID, above)
				}
				if (s.Kind == model.Server) == (s.Name == "alone") {
					t.Fatalf("%s: have kind %q", s.Name, s.Kind)
				}
			}
		})
	}
}

// TestAStartOptionSeesTheOptionsBeforeIt applies options of the user's own in turn, as
// [opentracing.StartSpanOption] demands. One may add, replace and remove.
func TestAStartOptionSeesTheOptionsBeforeIt(t *testing.T) {
	tr, spans := memory(t, nil)
	first, second := tr.StartSpan("first"), tr.StartSpan("second")
	apply := func(f func(*opentracing.StartSpanOptions)) opentracing.StartSpanOption {
		return optionFunc(f)
	}
	given := map[string]any{"b": 2}
	refer := func(spans ...opentracing.Span) (refs []opentracing.SpanReference) {
		for _, s := range spans {
			refs = append(refs, opentracing.ChildOf(s.Context()))
		}
		return refs
	}
	for name, test := range map[string]struct {
		opts []opentracing.StartSpanOption
		tags map[string]string
		want opentracing.Span // the parent
	}{
		"add": {[]opentracing.StartSpanOption{
			apply(func(o *opentracing.StartSpanOptions) { o.Tags["a"] = 1 }),
			apply(func(o *opentracing.StartSpanOptions) { o.Tags["b"] = len(o.Tags) }),
		}, map[string]string{"a": "1", "b": "1"}, nil},
		"replace": {[]opentracing.StartSpanOption{
			apply(func(o *opentracing.StartSpanOptions) { o.Tags["a"] = 1 }),
			apply(func(o *opentracing.StartSpanOptions) { o.Tags = given }),
			apply(func(o *opentracing.StartSpanOptions) { o.Tags["c"] = 3 }),
		}, map[string]string{"b": "2", "c": "3"}, nil},
		"remove": {[]opentracing.StartSpanOption{
			apply(func(o *opentracing.StartSpanOptions) {
				o.Tags["a"], o.References = 1, refer(first)
			}),
			apply(func(o *opentracing.StartSpanOptions) { o.Tags, o.References = nil, nil }),
		}, map[string]string{}, nil},
		"many references": {[]opentracing.StartSpanOption{
			apply(func(o *opentracing.StartSpanOptions) {
				o.References = refer(first, first, first)
			}),
			apply(func(o *opentracing.StartSpanOptions) {
				o.References = append(refer(second), o.References[1:]...)
				o.References = o.References[:1]
			}),
		}, map[string]string{}, second},
		"the second reference alone": {[]opentracing.StartSpanOption{
			apply(func(o *opentracing.StartSpanOptions) {
				o.References = append(o.References, refer(first, second)...)
			}),
			apply(func(o *opentracing.StartSpanOptions) { o.References = o.References[1:] }),
		}, map[string]string{}, second},
	} {
		for range 3 { // what one span has is not left for the next
			tr.StartSpan(name, test.opts...).Finish()
			all := spans.Spans()
			have := all[len(all)-1]
			if have.Name != name || len(have.Tags) != len(test.tags) ||
				len(test.tags) > 0 && !maps.Equal(have.Tags, test.tags) {
				t.Errorf("%s: have tags %v, want %v", name, have.Tags, test.tags)
			}
			if (have.ParentID == nil) != (test.want == nil) ||
				have.ParentID != nil && have.ParentID.String() != spanIDOf(test.want) {
				t.Errorf("%s: have parent %v", name, have.ParentID)
			}
		}
	}
	if len(given) != 1 {
		t.Errorf("have the option's map changed to %v", given)
	}
}
