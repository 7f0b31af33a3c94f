package tracer_test

import (
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

// TestTraceFlags extracts flags of which only the lowest bit has a meaning.
func TestTraceFlags(t *testing.T) {
	for flags, want := range map[string]bool{
		"00": false, "01": true, "02": false, "03": true, "fe": false, "ff": true, "10": false,
	} {
		tr, _ := memory(t, nil)
		in := lines{{"traceparent", w3cParent[:53] + flags}}
		if have := extract(t, tr, in).(tracer.SpanContext).Sampled(); have != want {
			t.Errorf("flags %s: have sampled %v, want %v", flags, have, want)
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
