package tracer_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/log"

	"bookservice/tracer"
)

// TestASpanAsAValueIsItsIDs sets spans and span contexts as the values of tags and log fields,
// while other goroutines change the spans. The text has the ids.
func TestASpanAsAValueIsItsIDs(t *testing.T) {
	tr, spans := memory(t, nil)
	on := tr.StartSpan("on")
	off := tr.StartSpan("off", opentracing.Tag{Key: "sampling.priority", Value: 0})
	extracted, err := tr.Extract(opentracing.TextMap, opentracing.TextMapCarrier{
		"traceparent": "00-463ac35c9f6413ad48485a3953bb6124-0020000000000001-01",
	})
	if err != nil {
		t.Fatal(err)
	}
	ids := func(sc opentracing.SpanContext) string {
		c := sc.(tracer.SpanContext)
		return c.TraceID() + ":" + c.SpanID()
	}
	stop := make(chan struct{})
	var changes sync.WaitGroup
	for _, s := range []opentracing.Span{on, off} {
		changes.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				text := strings.Repeat("x", i%100)
				s.SetOperationName(text).SetTag("a", text).SetBaggageItem("b", text)
				s.LogKV("event", text)
			}
		})
	}
	for name, test := range map[string]struct {
		value any
		want  string
	}{
		"span":               {on, ids(on.Context())},
		"unsampled span":     {off, ids(off.Context())},
		"context":            {on.Context(), ids(on.Context())},
		"unsampled context":  {off.Context(), ids(off.Context())},
		"extracted context":  {extracted, ids(extracted)},
		"in a slice":         {[]any{on, off}, fmt.Sprintf("[%v %v]", on, off)},
		"in a map":           {map[string]any{"s": on}, "map[s:" + ids(on.Context()) + "]"},
		"a pointer to it":    {&on, ids(on.Context())},
		"an exported field":  {struct{ S opentracing.Span }{on}, "{" + ids(on.Context()) + "}"},
		"an interface's nil": {opentracing.Span(nil), ""},
	} {
		for range 300 {
			s := tr.StartSpan(name).SetTag("tag", test.value)
			s.LogFields(log.Object("field", test.value), log.Lazy(func(e log.Encoder) {
				e.EmitObject("lazy", test.value)
			}))
			s.LogKV("kv", test.value)
			s.Finish()
		}
		all := spans.Spans()
		have := all[len(all)-1]
		logs := []string{"field=" + test.want + " lazy=" + test.want, "kv=" + test.want}
		if have.Tags["tag"] != test.want || fmt.Sprint(texts(have)) != fmt.Sprint(logs) {
			t.Errorf("%s: have tag %q and logs %q, want %q", name, have.Tags["tag"], texts(have),
				test.want)
		}
	}
	private := struct{ s opentracing.Span }{on} // fmt cannot call the methods of s
	tr.StartSpan("private").SetTag("tag", private).Finish()
	all := spans.Spans()
	if have := all[len(all)-1].Tags["tag"]; !strings.HasPrefix(have, "{0x") {
		t.Errorf("an unexported field: have tag %q, want an address", have)
	}
	for _, value := range []any{on, off, on.Context(), off.Context(), extracted} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
			if text := fmt.Sprintf(verb, value); text == "" { // the race detector watches
				t.Errorf("%s: have no text of %T", verb, value)
			}
		}
	}
	close(stop)
	changes.Wait()
}
