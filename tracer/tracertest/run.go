package tracertest

import (
	"testing"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/harness"
	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer"
)

// Open opens the tracer under test. The service name of its Config is "books" and the address is
// empty; otherwise it has the defaults of [tracer.DefaultConfig]. change, which may be nil, is
// applied to the Config. traceparent must be among the injected headers: the suite reads ids from
// it.
//
// received closes the tracer and returns all spans that the destination has received, in any order,
// as Zipkin models spans: an error is the tag error, a log record an annotation. The suite calls it
// at most once.
type Open func(
	t *testing.T, change func(*tracer.Config),
) (tr opentracing.Tracer, received func() []model.SpanModel)

// Run runs the suite. Each check is a subtest that opens its own tracers. The checks run one after
// the other and take some seconds. Span names are in lower case, because Zipkin converts them.
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
		"Values":        checkValues,
		"ErrorMessages": checkErrorMessages,
		"ManyLogs":      checkManyLogs,
		"AnyTimes":      checkAnyTimes,
		"PeerForms":     checkPeerForms,
		"Links":         checkLinks,
		"Parents":       checkParents,
		"Unfinished":    checkUnfinished,
		"AbsurdInput":   checkAbsurdInput,
		"AfterClose":    checkAfterClose,
		"Concurrency":   checkConcurrency,
		"GoKitOverGRPC": checkKit(callOverGRPC),
		"GoKitOverHTTP": checkKit(callOverHTTP),
		"WithinAServer": checkWithinAServer,
		"Reparented":    checkReparented,
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

// probe compares spans by the ids that their contexts propagate.
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

// ids returns the ids in the traceparent header of the context.
func ids(tr opentracing.Tracer, sc opentracing.SpanContext) (trace, span string) {
	headers := opentracing.TextMapCarrier{}
	err := tr.Inject(sc, opentracing.TextMap, headers)
	parent := headers["traceparent"]
	if err != nil || len(parent) != 55 {
		return "", ""
	}
	return parent[3:35], parent[36:52]
}

// byName returns the spans by name. It checks that each of the names occurs once, and no other.
func byName(
	t *testing.T, spans []model.SpanModel, names ...string,
) map[string]model.SpanModel {
	t.Helper()
	all := map[string]model.SpanModel{}
	for _, s := range spans {
		if _, twice := all[s.Name]; twice {
			t.Errorf("have span %q twice, want it once", s.Name)
		}
		all[s.Name] = s
	}
	for _, name := range names {
		if _, ok := all[name]; !ok {
			t.Errorf("have no span %q", name)
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

// isChild checks that the parent of child is the given span.
func isChild(t *testing.T, child, parent model.SpanModel) {
	t.Helper()
	if child.TraceID != parent.TraceID || child.ParentID == nil || *child.ParentID != parent.ID ||
		child.ID == parent.ID {
		t.Errorf("%q: have span %v of trace %v with parent %v, want a child of span %v of trace %v",
			child.Name, child.ID, child.TraceID, child.ParentID, parent.ID, parent.TraceID)
	}
}

// isRoot checks that the span has no parent.
func isRoot(t *testing.T, s model.SpanModel) {
	t.Helper()
	if s.ParentID != nil {
		t.Errorf("%q: have parent %v, want none", s.Name, s.ParentID)
	}
}
