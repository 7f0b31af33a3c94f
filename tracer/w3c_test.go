package tracer_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/opentracing/opentracing-go"

	"bookservice/tracer"
)

const (
	w3cTrace  = "12345678901234567890123456789012"
	w3cParent = "00-" + w3cTrace + "-1234567890123456-01"
	w3cDenied = "00-" + w3cTrace + "-1234567890123456-00"
)

// TestW3CTraceparent has the cases of the test suite of w3c/trace-context about traceparent, with
// the names of that suite. The trace is continued, or a new one begins.
func TestW3CTraceparent(t *testing.T) {
	const (
		zeros32 = zeros16 + zeros16
		span    = "-1234567890123456-01"
		ids     = "00-" + w3cTrace + "-1234567890123456"
		future  = "what-the-future-will-be-like"
	)
	in := func(values ...string) []string { return values }
	other := strings.Replace(w3cParent, "9012-", "9011-", 1)
	upper := strings.Replace(w3cParent, "1234567890123456-", "ABCDEF7890123456-", 1)
	for name, test := range map[string]struct {
		values    []string
		continued bool
	}{
		"both_traceparent_and_tracestate_missing": {nil, false},
		"traceparent_included_tracestate_missing": {in(w3cParent), true},
		"traceparent_duplicated":                  {in(other, w3cParent), false},
		"traceparent_version_0x00 dot":            {in(w3cParent + "."), false},
		"traceparent_version_0x00 longer":         {in(w3cParent + "-" + future), false},
		"traceparent_version_0xcc":                {in("cc" + w3cParent[2:]), true},
		"traceparent_version_0xcc longer":         {in("cc" + w3cParent[2:] + "-" + future), true},
		"traceparent_version_0xcc dot": {
			in("cc" + w3cParent[2:] + "." + future), false},
		"traceparent_version_0xff":                 {in("ff" + w3cParent[2:]), false},
		"traceparent_version_illegal_characters 1": {in(".0" + w3cParent[2:]), false},
		"traceparent_version_illegal_characters 2": {in("0." + w3cParent[2:]), false},
		"traceparent_version_too_long 3":           {in("000" + w3cParent[2:]), false},
		"traceparent_version_too_long 4":           {in("0000" + w3cParent[2:]), false},
		"traceparent_version_too_short":            {in("0" + w3cParent[2:]), false},
		"traceparent_trace_id_all_zero":            {in("00-" + zeros32 + span), false},
		"traceparent_trace_id_illegal_first":       {in("00-." + w3cTrace[1:] + span), false},
		"traceparent_trace_id_illegal_last":        {in("00-" + w3cTrace[:31] + "." + span), false},
		"traceparent_trace_id_too_long":            {in("00-" + w3cTrace + "3" + span), false},
		"traceparent_trace_id_too_short":           {in("00-" + w3cTrace[:31] + span), false},
		"traceparent_parent_id_all_zero":           {in(ids[:36] + zeros16 + "-01"), false},
		"traceparent_parent_id_illegal_first":      {in(ids[:36] + ".234567890123456-01"), false},
		"traceparent_parent_id_illegal_last":       {in(ids[:36] + "123456789012345.-01"), false},
		"traceparent_parent_id_too_long":           {in(ids + "7-01"), false},
		"traceparent_parent_id_too_short":          {in(ids[:51] + "-01"), false},
		"traceparent_trace_flags_illegal_first":    {in(ids + "-.0"), false},
		"traceparent_trace_flags_illegal_last":     {in(ids + "-0."), false},
		"traceparent_trace_flags_too_long":         {in(ids + "-001"), false},
		"traceparent_trace_flags_too_short":        {in(ids + "-1"), false},
		"traceparent_ows_handling space before":    {in(" " + w3cParent), true},
		"traceparent_ows_handling tab before":      {in("\t" + w3cParent), true},
		"traceparent_ows_handling space behind":    {in(w3cParent + " "), true},
		"traceparent_ows_handling tab behind":      {in(w3cParent + "\t"), true},
		"traceparent_ows_handling both":            {in("\t " + w3cParent + " \t"), true},
		"upper case":                               {in(upper), false},
		"same value twice":                         {in(w3cParent, w3cParent), true},
		"underscore after the version":             {in("00_" + w3cParent[3:]), false},
		"underscore after the trace id":            {in(ids[:35] + "_" + w3cParent[36:]), false},
		"underscore before the flags":              {in(ids + "_01"), false},
	} {
		t.Run(name, func(t *testing.T) {
			tr, _ := memory(t, injecting("w3c"))
			var headers lines
			for _, v := range test.values {
				headers = append(headers, [2]string{"traceparent", v})
			}
			out, own := passOn(t, tr, headers)
			checkTraceparent(t, out, own, test.continued)
			malformed, want := tracer.Malformed(tr) > 0, !test.continued && headers != nil
			if malformed != want {
				t.Errorf("have counted as malformed: %v, want %v", malformed, want)
			}
		})
	}
}

// checkTraceparent checks the injected traceparent, and whether the trace is continued.
func checkTraceparent(
	t *testing.T, out opentracing.TextMapCarrier, own tracer.SpanContext, continued bool,
) {
	t.Helper()
	parent := out["traceparent"]
	if !validTraceparent.MatchString(parent) || parent[36:52] != own.SpanID() {
		t.Errorf("have traceparent %q, want a valid one of span %s", parent, own.SpanID())
	}
	if (own.TraceID() == w3cTrace) != continued || own.TraceID() != parent[3:35] ||
		own.SpanID() == "1234567890123456" {
		t.Errorf("have span %s of trace %s, want the trace continued: %v",
			own.SpanID(), own.TraceID(), continued)
	}
}

// TestTraceFlags extracts flags. The lowest bit says that the trace is sampled. The random flag is
// passed on as it was received; other bits are sent as zero.
func TestTraceFlags(t *testing.T) {
	for flags, want := range map[string]struct {
		sampled bool
		sent    string
	}{
		"00": {false, "00"}, "01": {true, "01"}, "02": {false, "02"}, "03": {true, "03"},
		"fe": {false, "02"}, "ff": {true, "03"}, "10": {false, "00"}, "05": {true, "01"},
	} {
		for _, version := range []string{"00", "cc"} {
			tr, _ := memory(t, nil)
			in := lines{{"traceparent", version + w3cParent[2:53] + flags}}
			if have := extract(t, tr, in).(tracer.SpanContext).Sampled(); have != want.sampled {
				t.Errorf("flags %s: have sampled %v, want %v", flags, have, want.sampled)
			}
			out, own := passOn(t, tr, in)
			checkTraceparent(t, out, own, true)
			have := out["traceparent"]
			if !strings.HasPrefix(have, "00-") || have[53:] != want.sent {
				t.Errorf("flags %s of version %s: have %q sent on, want flags %s", flags, version,
					have, want.sent)
			}
		}
	}
}

// TestRandomFlag begins and continues traces. The flag states that the last 56 bits of the trace id
// are random: it is set if the trace begins here, whatever the sampler decides. In a trace that
// arrives it stays as traceparent has it; other formats do not state it.
func TestRandomFlag(t *testing.T) {
	const b3 = w3cTrace + "-1234567890123456-1"
	for name, test := range map[string]struct {
		in     lines
		random bool
	}{
		"new trace":            {nil, true},
		"malformed":            {lines{{"traceparent", "x"}}, true},
		"decision without ids": {lines{{"b3", "1"}}, true},
		"baggage alone":        {lines{{"baggage", "a=1"}}, true},
		"set":                  {lines{{"traceparent", w3cParent[:53] + "03"}}, true},
		"unset":                {lines{{"traceparent", w3cParent}}, false},
		"b3":                   {lines{{"b3", b3}}, false},
		"b3 and traceparent":   {lines{{"b3", b3}, {"traceparent", w3cParent[:53] + "02"}}, true},
		"b3 of another trace": {lines{{"b3", b3Short},
			{"traceparent", w3cParent[:53] + "03"}}, false},
		"trace without a span": {lines{{"b3", w3cTrace + "-undefined-1"}}, false},
		"b3 and an unset flag": {lines{{"b3", b3}, {"traceparent", w3cParent}}, false},
		"grpc-trace-bin and it": {lines{{"grpc-trace-bin", censusOf(w3cTrace, span1, 1)},
			{"traceparent", w3cParent[:53] + "03"}}, true},
	} {
		for _, share := range []float64{0, 1} {
			for _, bits := range []int{64, 128} {
				tr, _ := memory(t, func(c *tracer.Config) { c.Sample, c.TraceIDBits = share, bits })
				out, own := passOn(t, tr, test.in)
				parent, flags := out["traceparent"], 0
				if own.Sampled() {
					flags |= 1
				}
				if test.random {
					flags |= 2
				}
				if want := fmt.Sprintf("%02d", flags); !strings.HasSuffix(parent, "-"+want) {
					t.Errorf("%s, %d bits: have %q, want flags %s", name, bits, parent, want)
				}
			}
		}
	}
	t.Run("children and carriers", func(t *testing.T) {
		tr, _ := memory(t, nil)
		root := tr.StartSpan("root")
		child := tr.StartSpan("child", opentracing.ChildOf(root.Context()))
		for name, carry := range carriers {
			again, err := carry(tr, child.Context())
			if err != nil {
				t.Fatal(err)
			}
			if have := inject(t, tr, again)["traceparent"]; !strings.HasSuffix(have, "-03") {
				t.Errorf("%s: have %q, want the random flag", name, have)
			}
		}
	})
}

// TestNewTraceIDsAreRandom counts the bits of the last seven bytes of new trace ids.
func TestNewTraceIDsAreRandom(t *testing.T) {
	const n = 4000
	for _, bits := range []int{64, 128} {
		tr, _ := memory(t, func(c *tracer.Config) { c.TraceIDBits, c.Sample = bits, 0 })
		var ones [64]int
		for range n {
			id := tr.StartSpan("x").Context().(tracer.SpanContext).TraceID()
			low, err := strconv.ParseUint(id[len(id)-16:], 16, 64)
			if err != nil {
				t.Fatal(err)
			}
			for bit := range ones {
				ones[bit] += int(low >> bit & 1)
			}
		}
		for bit, have := range ones[:56] {
			if have < n*2/5 || have > n*3/5 { // 12 standard deviations
				t.Errorf("%d bits: have bit %d set in %d of %d ids", bits, bit, have, n)
			}
		}
	}
}

// TestW3CMultipleRequests makes three calls of one service
// (test_multiple_requests_… of the suite of w3c/trace-context).
func TestW3CMultipleRequests(t *testing.T) {
	for name, test := range map[string]struct {
		in     lines
		traces int // different trace ids
	}{
		"with_valid_traceparent": {lines{{"traceparent", w3cParent}}, 1},
		"without_traceparent":    {nil, 3},
		"with_illegal_traceparent": {lines{
			{"traceparent", "00-" + zeros16 + zeros16 + w3cParent[35:]}}, 3},
	} {
		tr, _ := memory(t, injecting("w3c"))
		traces, parents := map[string]bool{}, map[string]bool{}
		for range 3 {
			out, own := passOn(t, tr, test.in)
			checkTraceparent(t, out, own, test.traces == 1)
			traces[out["traceparent"][3:35]], parents[out["traceparent"][36:52]] = true, true
		}
		if len(traces) != test.traces || len(parents) != 3 {
			t.Errorf("%s: have %d traces and %d parents, want %d and 3", name, len(traces),
				len(parents), test.traces)
		}
	}
}

// TestW3CHeaderNames has names in other cases and names that are only similar
// (test_traceparent_header_name and others of the suite of w3c/trace-context).
func TestW3CHeaderNames(t *testing.T) {
	for name, continued := range map[string]bool{
		"TraceParent": true, "TrAcEpArEnT": true, "TRACEPARENT": true,
		"trace-parent": false, "trace.parent": false,
	} {
		tr, _ := memory(t, injecting("w3c"))
		out, own := passOn(t, tr, lines{{name, w3cParent}})
		checkTraceparent(t, out, own, continued)
	}
	for name, kept := range map[string]bool{
		"TraceState": true, "TrAcEsTaTe": true, "TRACESTATE": true,
		"trace-state": false, "trace.state": false,
	} {
		tr, _ := memory(t, injecting("w3c"))
		out, _ := passOn(t, tr, lines{{"traceparent", w3cDenied}, {name, "foo=1"}})
		if have := out["tracestate"] == "foo=1"; have != kept {
			t.Errorf("%s: have tracestate %q, want it kept: %v", name, out["tracestate"], kept)
		}
	}
}
