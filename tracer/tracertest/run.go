package tracertest

import (
	"testing"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/harness"
	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer"
)

// Open opens the tracer under test with a Config that is fit for it, named "books", at no address, and to which change has
// been applied; change may be nil. The Config is tracer.DefaultConfig's otherwise: traceparent must be injected, for the
// suite reads ids from it. received closes the tracer and returns all spans that the destination has got by then, in any
// order, as Zipkin knows spans: an error is the tag error, a log record an annotation. It is called once, or not at all.
type Open func(t *testing.T, change func(*tracer.Config)) (tr opentracing.Tracer, received func() []model.SpanModel)

// Run runs the suite, each check as a subtest that opens tracers of its own, one after the other. It takes some seconds.
// Names of spans are in lower case: Zipkin makes them so.
func Run(t *testing.T, open Open) {
	for name, share := range map[string]float64{"Harness": 1, "HarnessUnsampled": 0} {
		t.Run(name, func(t *testing.T) { checkHarness(t, open, share) })
	}
	for name, check := range map[string]func(*testing.T, Open){
		"Identity":      checkIdentity,
		"KindsAndPeers": checkKindsAndPeers,
		"Errors":        checkErrors,
		"Logs":          checkLogs,
		"Once":          checkOnce,
		"Times":         checkTimes,
		"References":    checkReferences,
		"Sampling":      checkSampling,
		"Priority":      checkPriority,
		"Baggage":       checkBaggage,
		"AbsurdInput":   checkAbsurdInput,
		"AfterClose":    checkAfterClose,
		"Concurrency":   checkConcurrency,
		"GoKitOverGRPC": checkKit(callOverGRPC),
		"GoKitOverHTTP": checkKit(callOverHTTP),
		"WithinAServer": checkWithinAServer,
		"TakesThePlace": checkTakesThePlace,
	} {
		t.Run(name, func(t *testing.T) { check(t, open) })
	}
}

func checkHarness(t *testing.T, open Open, share float64) {
	harness.RunAPIChecks(t, func() (opentracing.Tracer, func()) {
		tr, received := open(t, func(c *tracer.Config) { c.Sample = share })
		return tr, func() { received() }
	}, harness.CheckEverything(), harness.UseProbe(probe{}))
}

// probe compares spans by the ids that they hand on.
type probe struct{}

func (probe) SameTrace(a, b opentracing.Span) bool {
	traceA, _ := ids(a.Tracer(), a.Context())
	traceB, _ := ids(b.Tracer(), b.Context())
	return traceA == traceB && traceA != ""
}

func (probe) SameSpanContext(s opentracing.Span, sc opentracing.SpanContext) bool {
	traceA, spanA := ids(s.Tracer(), s.Context())
	traceB, spanB := ids(s.Tracer(), sc)
	return traceA == traceB && spanA == spanB && spanA != ""
}

// ids returns what the context's traceparent header says.
func ids(tr opentracing.Tracer, sc opentracing.SpanContext) (trace, span string) {
	headers := opentracing.TextMapCarrier{}
	if err := tr.Inject(sc, opentracing.TextMap, headers); err != nil || len(headers["traceparent"]) != 55 {
		return "", ""
	}
	return headers["traceparent"][3:35], headers["traceparent"][36:52]
}

// byName returns the spans by their names, of which each must be there once, and no other.
func byName(t *testing.T, spans []model.SpanModel, names ...string) map[string]model.SpanModel {
	t.Helper()
	all := map[string]model.SpanModel{}
	for _, s := range spans {
		if _, twice := all[s.Name]; twice {
			t.Errorf("span %q is there twice", s.Name)
		}
		all[s.Name] = s
	}
	for _, name := range names {
		if _, ok := all[name]; !ok {
			t.Errorf("span %q is not there", name)
		}
	}
	if len(all) != len(names) {
		t.Fatalf("have %d spans, want %d: %v", len(all), len(names), all)
	}
	return all
}

// one returns the only span.
func one(t *testing.T, spans []model.SpanModel) model.SpanModel {
	t.Helper()
	if len(spans) != 1 {
		t.Fatalf("have %d spans, want 1", len(spans))
	}
	return spans[0]
}

// isBelow checks that child's parent is the given span.
func isBelow(t *testing.T, child, parent model.SpanModel) {
	t.Helper()
	if child.TraceID != parent.TraceID || child.ParentID == nil || *child.ParentID != parent.ID || child.ID == parent.ID {
		t.Errorf("%q is span %v of trace %v below %v, want it below %q, span %v of trace %v",
			child.Name, child.ID, child.TraceID, child.ParentID, parent.Name, parent.ID, parent.TraceID)
	}
}

// isRoot checks that the span has no parent.
func isRoot(t *testing.T, s model.SpanModel) {
	t.Helper()
	if s.ParentID != nil {
		t.Errorf("%q is below %v, want it to be a root", s.Name, s.ParentID)
	}
}
