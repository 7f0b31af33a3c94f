package tracer_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/log"
	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer"
	"bookservice/tracer/tracertest/testkit"
)

// setters are the ways to give a value to a span, as a start option, a tag or a log field.
var setters = map[string]func(tr opentracing.Tracer, s opentracing.Span, v any){
	"StartSpan": func(tr opentracing.Tracer, s opentracing.Span, v any) {
		tr.StartSpan("child", opentracing.ChildOf(s.Context()), opentracing.Tag{Key: "k", Value: v},
			opentracing.Tags{"error": v, "peer.address": v, "span.kind": v}).Finish()
	},
	"SetTag": func(_ opentracing.Tracer, s opentracing.Span, v any) {
		for _, key := range []string{
			"k", "error", "span.kind", "sampling.priority", "peer.service", "peer.address",
			"peer.hostname", "peer.ipv4", "peer.ipv6", "peer.port",
		} {
			s.SetTag(key, v)
		}
	},
	"LogFields": func(_ opentracing.Tracer, s opentracing.Span, v any) {
		s.LogFields(log.Object("k", v), log.String("event", "error"))
	},
	"LogKV": func(_ opentracing.Tracer, s opentracing.Span, v any) {
		s.LogKV("k", v, "error.object", v)
	},
	"lazy field": func(_ opentracing.Tracer, s opentracing.Span, v any) {
		s.LogFields(log.Lazy(func(to log.Encoder) { to.EmitObject("k", v) }))
	},
	"deprecated log methods": func(_ opentracing.Tracer, s opentracing.Span, v any) {
		s.(deprecatedLogger).LogEventWithPayload("error", v)
		s.(deprecatedLogger).Log(opentracing.LogData{Event: "x", Payload: v})
	},
	"FinishOptions": func(_ opentracing.Tracer, s opentracing.Span, v any) {
		s.FinishWithOptions(opentracing.FinishOptions{
			LogRecords:  []opentracing.LogRecord{{Fields: []log.Field{log.Object("k", v)}}},
			BulkLogData: []opentracing.LogData{{Event: "x", Payload: v}},
		})
	},
}

// A caller is a value that calls a method of its span when it is rendered.
type caller struct{ use func() }

func (c caller) String() string { c.use(); return "called" }

type callerError struct{ caller }

func (c callerError) Error() string { return c.String() }

type formatCaller struct{ caller }

func (c formatCaller) Format(to fmt.State, _ rune) { _, _ = io.WriteString(to, c.String()) }

// TestAValueMayUseItsSpan renders values that call each method of the span that they are set on. No
// call waits for itself.
func TestAValueMayUseItsSpan(t *testing.T) {
	for name, set := range setters {
		for method, use := range map[string]func(opentracing.Span){
			"BaggageItem":      func(s opentracing.Span) { s.BaggageItem("tenant") },
			"SetBaggageItem":   func(s opentracing.Span) { s.SetBaggageItem("tenant", "a") },
			"Context":          func(s opentracing.Span) { s.Context() },
			"SetTag":           func(s opentracing.Span) { s.SetTag("within", true) },
			"SetOperationName": func(s opentracing.Span) { s.SetOperationName("renamed") },
			"LogKV":            func(s opentracing.Span) { s.LogKV("event", "within") },
			"Finish":           func(s opentracing.Span) { s.Finish() },
			"StartSpan": func(s opentracing.Span) {
				s.Tracer().StartSpan("within", opentracing.ChildOf(s.Context())).Finish()
			},
			"Inject": func(s opentracing.Span) {
				carrier := opentracing.TextMapCarrier{}
				_ = s.Tracer().Inject(s.Context(), opentracing.TextMap, carrier)
			},
		} {
			t.Run(name+" "+method, func(t *testing.T) {
				t.Parallel()
				tr, spans := memory(t, nil)
				s := tr.StartSpan("call")
				done := make(chan struct{})
				go func() {
					defer close(done)
					c := caller{func() { use(s) }}
					for _, v := range []any{c, &c, callerError{c}, formatCaller{c}, []any{c}} {
						set(tr, s, v)
					}
					s.Finish()
				}()
				select {
				case <-done:
				case <-time.After(10 * time.Second):
					t.Fatal("the traced goroutine does not return")
				}
				n := 0
				for _, m := range spans.Spans() {
					if m.Name == "call" || m.Name == "renamed" {
						n++
					}
				}
				if n != 1 {
					t.Errorf("have %d spans of the call, want 1: %v", n, spans.Spans())
				}
			})
		}
	}
}

// Values whose methods panic, also with a value whose methods panic.
type (
	panicsString  struct{}
	panicsError   struct{}
	panicsFormat  struct{}
	panicsGo      struct{}
	panicsMarshal struct{}
	panicsTwice   struct{}
	panicsPointer struct{ text string }
)

func (panicsString) String() string                { panic("String") }
func (panicsError) Error() string                  { panic(errors.New("Error")) }
func (panicsFormat) Format(fmt.State, rune)        { panic("Format") }
func (panicsGo) GoString() string                  { panic("GoString") }
func (panicsMarshal) MarshalJSON() ([]byte, error) { panic("MarshalJSON") }
func (panicsMarshal) MarshalText() ([]byte, error) { panic("MarshalText") }
func (panicsTwice) String() string                 { panic(panicsTwice{}) }
func (p *panicsPointer) String() string            { return p.text } // of a nil pointer

// TestAPanicOfAValueStaysInside renders values whose methods panic, by each way to set a value and
// on each backend that renders.
func TestAPanicOfAValueStaysInside(t *testing.T) {
	for name, set := range setters {
		t.Run(name, func(t *testing.T) {
			all := &tracer.Memory{}
			tr, closer := open(t, config("memory,log"), tracer.WithMemory(all))
			values := []any{
				panicsString{}, panicsError{}, panicsFormat{}, panicsGo{}, panicsMarshal{},
				panicsTwice{}, (*panicsPointer)(nil), &panicsString{}, []any{panicsTwice{}},
				map[string]any{"k": panicsError{}}, struct{ E error }{panicsError{}},
				log.LazyLogger(func(log.Encoder) { panic(panicsTwice{}) }),
			}
			for _, v := range values {
				s := tr.StartSpan("call")
				set(tr, s, v)
				s.LogFields(log.Lazy(func(to log.Encoder) {
					to.EmitString("before", "x")
					panic(v)
				}))
				s.LogKV("event", "after")
				s.Finish()
			}
			if err := closer.Close(); err != nil {
				t.Error(err)
			}
			n := 0
			for _, s := range all.Spans() {
				if s.Name != "call" {
					continue
				}
				n++
				if logs := texts(s); name != "FinishOptions" && logs[len(logs)-1] != "after" {
					t.Errorf("have log records %q, want the one after the panic", logs)
				}
			}
			if n != len(values) {
				t.Errorf("have %d spans, want %d", n, len(values))
			}
		})
	}
}

// A link of a chain that leads to itself.
type ring struct {
	Next any
	M    map[string]any
	S    []any
}

type selfPointer *selfPointer

// endless returns values that contain themselves, and one that is nested very deeply.
func endless() map[string]any {
	m := map[string]any{}
	m["self"] = m
	s := make([]any, 1)
	s[0] = s
	r := &ring{}
	*r = ring{r, map[string]any{"r": r}, []any{r}}
	byValue := ring{M: map[string]any{}}
	byValue.M["self"] = byValue
	var p selfPointer
	p = &p
	var i any
	i = &i
	array := [1]any{}
	array[0] = &array
	var deep any
	for range 1_000_000 {
		deep = []any{deep}
	}
	var deepPointer any
	for range 1000 {
		next := deepPointer
		deepPointer = &next
	}
	return map[string]any{
		"map": m, "slice": s, "pointer to a struct": r, "struct": byValue, "pointer": p,
		"interface": i, "array": array, "deep": deep, "deep pointers": deepPointer,
		"large": make([]struct{ A, B string }, 1_000_000), "map of slices": map[string]any{"s": s},
		"long strings": []string{strings.Repeat("x", 1<<30)},
	}
}

// TestAValueThatContainsItselfDoesNotEndTheProcess sets values for which fmt would not end. It does
// so in a process of its own, which a stack overflow would end.
func TestAValueThatContainsItselfDoesNotEndTheProcess(t *testing.T) {
	testkit.Slow(t)
	if os.Getenv("SET_ENDLESS_VALUES") == "" {
		run := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.count=1")
		run.Env = append(os.Environ(), "SET_ENDLESS_VALUES=1")
		if out, err := run.CombinedOutput(); err != nil {
			t.Errorf("%v: %.2000s", err, out)
		}
		return
	}
	for name, v := range endless() {
		for by, set := range setters {
			tr, spans := memory(t, nil)
			s := tr.StartSpan("call")
			start := time.Now()
			set(tr, s, v)
			s.Finish()
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("%s, %s: took %v", name, by, took)
			}
			spanNamed(t, spans.Spans(), "call")
		}
	}
}

// TestValuesWithinTheLimitsAreRenderedAsFmtDoes sets nested values of many kinds.
func TestValuesWithinTheLimitsAreRenderedAsFmtDoes(t *testing.T) {
	type pair struct {
		A  int
		b  string
		P  *int
		E  error
		T  time.Duration
		In any
	}
	var deep any = 1
	for range 60 {
		deep = []any{deep}
	}
	n := 7
	tr, spans := memory(t, nil)
	s := tr.StartSpan("call")
	want := map[string]string{}
	for i, v := range []any{
		pair{1, "x", &n, errors.New("e"), time.Second, []int{1}},
		&pair{1, "x", nil, nil, 0, nil}, []pair{{}, {}}, map[string]pair{"k": {}},
		&[]string{"a"}, &map[string]int{"k": 1}, &[2]int{1, 2}, [][]byte{[]byte("ab")}, deep,
		map[any]any{1: "a", "b": 2.5, true: nil}, []any{nil, n, false}, complex(1, 2),
		struct{ time.Time }{time.Unix(1, 0).UTC()}, make([]int, 1000), []error{io.EOF, nil},
		[]time.Duration{1, 2}, struct{}{}, [0]int{}, []int(nil), map[string]int(nil),
	} {
		key := fmt.Sprint("k", i)
		s.SetTag(key, v)
		want[key] = fmt.Sprint(v)
	}
	s.Finish()
	if diff := cmp.Diff(want, spans.Spans()[0].Tags); diff != "" {
		t.Errorf("-want +have\n%s", diff)
	}
}

// TestPointersAreFollowedToTheirValue sets optional values, as generated code has them.
func TestPointersAreFollowedToTheirValue(t *testing.T) {
	text, number, yes, no, long := "zh", int64(42), true, false, 1.5
	pp, d, k := &number, time.Second, shelf(7)
	ppp := &pp
	var iface any = "inside"
	err := errors.New("e")
	var none *string
	noneP := &none
	for name, test := range map[string]struct {
		value any
		want  string
	}{
		"string": {&text, "zh"}, "int64": {&number, "42"}, "bool": {&yes, "true"},
		"float64": {&long, "1.5"}, "pointers to a pointer": {ppp, "42"},
		"interface": {&iface, "inside"},
		"error":     {&err, "e"}, "a type with a method": {&k, "shelf 7"}, "Duration": {&d, "1s"},
		"nil": {none, "<nil>"}, "pointer to nil": {noneP, "<nil>"},
		"nil of a type with a method": {(*time.Duration)(nil), "<nil>"},
		"nil error":                   {(*os.PathError)(nil), "<nil>"}, "untyped nil": {nil, ""},
		"struct": {&struct{ A int }{1}, "&{1}"},
	} {
		tr, spans := memory(t, nil)
		s := tr.StartSpan("call").SetTag("k", test.value)
		s.LogFields(log.Object("k", test.value))
		s.LogKV("k", test.value)
		s.Finish()
		have := spans.Spans()[0]
		if have.Tags["k"] != test.want {
			t.Errorf("%s: have tag %q, want %q", name, have.Tags["k"], test.want)
		}
		for _, record := range texts(have) {
			if record != "k="+test.want {
				t.Errorf("%s: have log record %q, want k=%s", name, record, test.want)
			}
		}
	}
	port, kind, priority := uint16(80), "server", 0
	tr, spans := memory(t, nil)
	tr.StartSpan("a").SetTag("error", &no).SetTag("peer.port", &port).SetTag("span.kind", &kind).
		SetTag("peer.service", &text).Finish()
	tr.StartSpan("b").SetTag("error", &yes).Finish()
	tr.StartSpan("c").SetTag("error", none).Finish()
	tr.StartSpan("d").SetTag("error", (*os.PathError)(nil)).Finish()
	tr.StartSpan("e").SetTag("sampling.priority", &priority).Finish()
	have := spans.Spans()
	a := spanNamed(t, have, "a")
	if a.RemoteEndpoint.Port != 80 || a.RemoteEndpoint.ServiceName != "zh" ||
		a.Kind != model.Server || len(have) != 4 {
		t.Errorf("have %+v in %d spans, want kind and peer, and e not sampled", a, len(have))
	}
	for name, want := range map[string]string{"a": "", "b": "true", "c": "", "d": ""} {
		if tag := spanNamed(t, have, name).Tags["error"]; tag != want {
			t.Errorf("%s: have error %q, want %q", name, tag, want)
		}
	}
}

// TestATruncatedTextDoesNotKeepTheWhole sets long texts on 400 spans that the backend memory
// keeps. Only what is exported stays in memory.
func TestATruncatedTextDoesNotKeepTheWhole(t *testing.T) {
	testkit.Slow(t)
	const spans, size = 400, 100 << 10
	for name, set := range map[string]func(tr opentracing.Tracer, long string) opentracing.Span{
		"name": func(tr opentracing.Tracer, long string) opentracing.Span {
			return tr.StartSpan(long)
		},
		"new name": func(tr opentracing.Tracer, long string) opentracing.Span {
			return tr.StartSpan("call").SetOperationName(long)
		},
		"tag": func(tr opentracing.Tracer, long string) opentracing.Span {
			return tr.StartSpan("call").SetTag("sql", long)
		},
		"key": func(tr opentracing.Tracer, long string) opentracing.Span {
			return tr.StartSpan("call").SetTag(long, 1)
		},
		"error": func(tr opentracing.Tracer, long string) opentracing.Span {
			return tr.StartSpan("call").SetTag("error", long)
		},
		"error value": func(tr opentracing.Tracer, long string) opentracing.Span {
			return tr.StartSpan("call").SetTag("error", errors.New(long))
		},
		"peer": func(tr opentracing.Tracer, long string) opentracing.Span {
			return tr.StartSpan("call").SetTag("peer.service", long).SetTag("peer.address", long)
		},
		"log": func(tr opentracing.Tracer, long string) opentracing.Span {
			s := tr.StartSpan("call")
			s.LogFields(log.String("event", long), log.String("more", long))
			return s
		},
		"many logs": func(tr opentracing.Tracer, long string) opentracing.Span {
			s := tr.StartSpan("call")
			s.LogKV("event", "error", "message", long)
			for range 500 {
				s.LogKV("event", "sent")
			}
			return s
		},
		"invalid": func(tr opentracing.Tracer, long string) opentracing.Span {
			return tr.StartSpan("call").SetTag("sql", "\xff"+long)
		},
	} {
		tr, all := memory(t, nil)
		before := heapInUse()
		for i := range spans {
			set(tr, strings.Repeat("x", size)+fmt.Sprint(i)).Finish()
		}
		used := heapInUse() - before
		limit := int64(spans * (2*4096 + 2048)) // two values of 4 KiB, and the rest of a span
		if name == "many logs" {
			limit = spans * (2*4096 + 128*256)
		}
		if used > limit {
			t.Errorf("%s: have %d KiB for each span, want at most %d", name, used/spans>>10,
				limit/spans>>10)
		}
		runtime.KeepAlive(all)
	}
}
