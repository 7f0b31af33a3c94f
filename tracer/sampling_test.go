package tracer_test

import (
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer"
)

// sampled starts a span and reports whether it is sampled.
func sampled(
	tr opentracing.Tracer, operation string, opts ...opentracing.StartSpanOption,
) bool {
	return tr.StartSpan(operation, opts...).Context().(tracer.SpanContext).Sampled()
}

// childOfB3 returns a reference to the context in a header b3.
func childOfB3(t *testing.T, tr opentracing.Tracer, b3 string) opentracing.StartSpanOption {
	t.Helper()
	return opentracing.ChildOf(extractB3(t, tr, b3))
}

// TestProbability checks that the given share of traces is recorded, each with all of its spans.
func TestProbability(t *testing.T) {
	for _, share := range []float64{0, 1e-9, 0.01, 0.25, 0.5, 0.9, 1 - 1e-9, 1} {
		tr, m := memory(t, ofShare(share))
		recorded := 0
		for range 4000 {
			root := tr.StartSpan("root")
			tr.StartSpan("child", opentracing.ChildOf(root.Context())).Finish()
			root.Finish()
			if root.Context().(tracer.SpanContext).Sampled() {
				recorded++
			}
		}
		if have := len(m.Spans()); have != 2*recorded {
			t.Errorf("share %v: have %d spans, want two in each of %d traces",
				share, have, recorded)
		}
		// Four standard deviations of 4000 draws.
		limit := 4*math.Sqrt(4000*share*(1-share)) + 1
		if off := math.Abs(float64(recorded) - 4000*share); off > limit {
			t.Errorf("share %v: have %d of 4000 traces", share, recorded)
		}
	}
}

// TestProbabilityOfTraceIDsOf64Bits checks that an id of 64 bits has the same decision as a longer
// id that ends with it.
func TestProbabilityOfTraceIDsOf64Bits(t *testing.T) {
	tr, _ := memory(t, ofShare(0.5))
	for _, low := range []uint64{1, 1 << 62, 1<<63 - 1, 1 << 63, math.MaxUint64} {
		short, long := model.TraceID{Low: low}.String(), fmt.Sprintf("%032x", low)
		have := sampled(tr, "x", childOfB3(t, tr, short+"-"+span1))
		want := sampled(tr, "x", childOfB3(t, tr, "1"+long[1:]+"-"+span1))
		if have != want || want != (low < 1<<63) {
			t.Errorf("%s: have %v, want %v as for the long id", short, have, want)
		}
	}
}

// TestSamplersKeepTheDecisionOfTheCaller has each sampler decide about traces that begin here and
// traces of other processes, with and without Config.Sampler.IgnoreParent.
func TestSamplersKeepTheDecisionOfTheCaller(t *testing.T) {
	const ids = trace128 + "-" + span1
	const y, n = true, false
	type decisions struct{ none, undecided, deny, accept, debug bool } // by that of the caller
	for name, test := range map[string]struct {
		sampler string
		share   float64
		ignore  bool
		want    decisions
	}{
		"always":        {"always", 0, false, decisions{y, y, n, y, y}},
		"never":         {"never", 1, false, decisions{n, n, n, y, y}},
		"probability 1": {"probability", 1, false, decisions{y, y, n, y, y}},
		"probability 0": {"probability", 0, false, decisions{n, n, n, y, y}},
		"parent":        {"parent", 1, false, decisions{n, n, n, y, y}},
		"ratelimited":   {"ratelimited", 0, false, decisions{y, y, n, y, y}},

		"always, ignoring":        {"always", 0, true, decisions{y, y, y, y, y}},
		"never, ignoring":         {"never", 1, true, decisions{n, n, n, n, y}},
		"probability 0, ignoring": {"probability", 0, true, decisions{n, n, n, n, y}},
		"parent, ignoring":        {"parent", 1, true, decisions{n, n, n, y, y}},
		"ratelimited, ignoring":   {"ratelimited", 0, true, decisions{y, y, y, y, y}},
	} {
		tr, _ := memory(t, func(c *tracer.Config) {
			c.Sampler.Kind, c.Sample, c.Sampler.IgnoreParent = test.sampler, test.share, test.ignore
		})
		for b3, want := range map[string]bool{
			"": test.want.none, ids: test.want.undecided, ids + "-0": test.want.deny,
			ids + "-1": test.want.accept, ids + "-d": test.want.debug,
		} {
			var opts []opentracing.StartSpanOption
			if b3 != "" {
				opts = append(opts, childOfB3(t, tr, b3))
			}
			span := tr.StartSpan("x", opts...)
			if have := span.Context().(tracer.SpanContext).Sampled(); have != want {
				t.Errorf("%s: b3 %q: have %v, want %v", name, b3, have, want)
			}
			// Spans of one process have one decision.
			if have := sampled(tr, "child", opentracing.ChildOf(span.Context())); have != want {
				t.Errorf("%s: b3 %q: have %v for the child, want %v", name, b3, have, want)
			}
		}
	}
}

// TestRateLimited checks the number of traces at once and after a pause.
func TestRateLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, _ := memory(t, func(c *tracer.Config) {
			c.Sampler.Kind, c.Sampler.Rate = "ratelimited", 2.5
		})
		accepted := func() (n int) {
			for range 100 {
				if sampled(tr, "x") {
					n++
				}
			}
			return n
		}
		if n := accepted(); n != 3 {
			t.Errorf("have %d traces at once, want those of a second, rounded up: 3", n)
		}
		<-time.After(800 * time.Millisecond)
		if n := accepted(); n != 2 {
			t.Errorf("have %d traces after 0.8 s, want 2", n)
		}
	})
}

// TestRatesOfAnySize checks the number of traces at once for extreme rates.
func TestRatesOfAnySize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for rate, want := range map[float64]int{
			math.SmallestNonzeroFloat64: 1, 0.1: 1, 1: 1, 1000: 1000, math.MaxFloat64: 1000,
		} {
			tr, _ := memory(t, func(c *tracer.Config) {
				c.Sampler.Kind, c.Sampler.Rate = "ratelimited", rate
			})
			have := 0
			for range 1000 {
				if sampled(tr, "x") {
					have++
				}
			}
			if have != want {
				t.Errorf("rate %v: have %d of 1000 traces at once, want %d", rate, have, want)
			}
		}
	})
}

// TestSamplersOfOperations checks that an exact name takes precedence, then the longest prefix.
func TestSamplersOfOperations(t *testing.T) {
	tr, _ := memory(t, func(c *tracer.Config) {
		c.Sample = 0
		c.Sampler.Operations = "get*=never, getBook*=always,getBooks=0,odd=name=1.0,slow=1/s"
	})
	for operation, want := range map[string]bool{
		"other": false, "get": false, "getUser": false, "getBook": true, "getBookInfo": true,
		"getBooks": false, "odd=name": true, "slow": true,
	} {
		if have := sampled(tr, operation); have != want {
			t.Errorf("%s: have %v, want %v", operation, have, want)
		}
	}
	if sampled(tr, "slow") {
		t.Error("slow: have a second trace at once, want one a second")
	}
	root := tr.StartSpan("getBook")
	if !sampled(tr, "getUser", opentracing.ChildOf(root.Context())) {
		t.Error("have a child with a decision of its own, want that of the first span")
	}
}

// TestSamplersOfOperationsDecideForUndecidedTraces has callers with and without a decision.
func TestSamplersOfOperationsDecideForUndecidedTraces(t *testing.T) {
	const ids = trace128 + "-" + span1
	for ignore, want := range map[bool]map[string]bool{
		false: {ids: true, ids + "-0": false, ids + "-1": true},
		true:  {ids: true, ids + "-0": true, ids + "-1": true},
	} {
		tr, _ := memory(t, func(c *tracer.Config) {
			c.Sample, c.Sampler.Operations, c.Sampler.IgnoreParent = 0, "*=always", ignore
		})
		for b3, want := range want {
			if have := sampled(tr, "get", childOfB3(t, tr, b3)); have != want {
				t.Errorf("ignore %v, b3 %s: have %v, want %v", ignore, b3, have, want)
			}
		}
	}
}

// TestIgnoreParentConcernsOnlyOtherProcesses has a sampler that would decide differently about the
// child of a local span.
func TestIgnoreParentConcernsOnlyOtherProcesses(t *testing.T) {
	tr, _ := memory(t, func(c *tracer.Config) {
		c.Sampler.Operations, c.Sampler.IgnoreParent = "root=always,off=never,child=never", true
	})
	for operation, want := range map[string]bool{"root": true, "off": false} {
		root := tr.StartSpan(operation)
		if have := sampled(tr, "child", opentracing.ChildOf(root.Context())); have != want {
			t.Errorf("%s: have %v for the child, want %v", operation, have, want)
		}
	}
}

// TestTraceIDBits checks the length of new trace ids. The caller's id keeps its length.
func TestTraceIDBits(t *testing.T) {
	for bits, digits := range map[int]int{128: 32, 64: 16} {
		tr, _ := memory(t, func(c *tracer.Config) { c.TraceIDBits = bits })
		root := tr.StartSpan("root")
		if id, _ := tracer.TraceID(root.Context()); len(id) != digits {
			t.Errorf("%d bits: have %s, want %d digits", bits, id, digits)
		}
		for _, caller := range []string{trace128, trace64} {
			child := tr.StartSpan("x", childOfB3(t, tr, caller+"-"+span1))
			if id, _ := tracer.TraceID(child.Context()); id != caller {
				t.Errorf("%d bits: have %s for a child in %s", bits, id, caller)
			}
		}
	}
}
