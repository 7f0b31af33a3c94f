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

// TestW3CTraceparent has the cases of the test suite of w3c/trace-context that are about traceparent, under its names.
func TestW3CTraceparent(t *testing.T) {
	for name, test := range map[string]struct {
		values    []string
		continued bool
	}{
		"both_traceparent_and_tracestate_missing":  {nil, false},
		"traceparent_included_tracestate_missing":  {[]string{w3cParent}, true},
		"traceparent_duplicated":                   {[]string{"00-12345678901234567890123456789011-1234567890123456-01", w3cParent}, false},
		"traceparent_version_0x00 dot":             {[]string{w3cParent + "."}, false},
		"traceparent_version_0x00 longer":          {[]string{w3cParent + "-what-the-future-will-be-like"}, false},
		"traceparent_version_0xcc":                 {[]string{"cc" + w3cParent[2:]}, true},
		"traceparent_version_0xcc longer":          {[]string{"cc" + w3cParent[2:] + "-what-the-future-will-be-like"}, true},
		"traceparent_version_0xcc dot":             {[]string{"cc" + w3cParent[2:] + ".what-the-future-will-be-like"}, false},
		"traceparent_version_0xff":                 {[]string{"ff" + w3cParent[2:]}, false},
		"traceparent_version_illegal_characters 1": {[]string{".0" + w3cParent[2:]}, false},
		"traceparent_version_illegal_characters 2": {[]string{"0." + w3cParent[2:]}, false},
		"traceparent_version_too_long 3":           {[]string{"000" + w3cParent[2:]}, false},
		"traceparent_version_too_long 4":           {[]string{"0000" + w3cParent[2:]}, false},
		"traceparent_version_too_short":            {[]string{"0" + w3cParent[2:]}, false},
		"traceparent_trace_id_all_zero":            {[]string{"00-00000000000000000000000000000000-1234567890123456-01"}, false},
		"traceparent_trace_id_illegal_first":       {[]string{"00-.2345678901234567890123456789012-1234567890123456-01"}, false},
		"traceparent_trace_id_illegal_last":        {[]string{"00-1234567890123456789012345678901.-1234567890123456-01"}, false},
		"traceparent_trace_id_too_long":            {[]string{"00-123456789012345678901234567890123-1234567890123456-01"}, false},
		"traceparent_trace_id_too_short":           {[]string{"00-1234567890123456789012345678901-1234567890123456-01"}, false},
		"traceparent_parent_id_all_zero":           {[]string{"00-" + w3cTrace + "-0000000000000000-01"}, false},
		"traceparent_parent_id_illegal_first":      {[]string{"00-" + w3cTrace + "-.234567890123456-01"}, false},
		"traceparent_parent_id_illegal_last":       {[]string{"00-" + w3cTrace + "-123456789012345.-01"}, false},
		"traceparent_parent_id_too_long":           {[]string{"00-" + w3cTrace + "-12345678901234567-01"}, false},
		"traceparent_parent_id_too_short":          {[]string{"00-" + w3cTrace + "-123456789012345-01"}, false},
		"traceparent_trace_flags_illegal_first":    {[]string{"00-" + w3cTrace + "-1234567890123456-.0"}, false},
		"traceparent_trace_flags_illegal_last":     {[]string{"00-" + w3cTrace + "-1234567890123456-0."}, false},
		"traceparent_trace_flags_too_long":         {[]string{"00-" + w3cTrace + "-1234567890123456-001"}, false},
		"traceparent_trace_flags_too_short":        {[]string{"00-" + w3cTrace + "-1234567890123456-1"}, false},
		"traceparent_ows_handling space before":    {[]string{" " + w3cParent}, true},
		"traceparent_ows_handling tab before":      {[]string{"\t" + w3cParent}, true},
		"traceparent_ows_handling space behind":    {[]string{w3cParent + " "}, true},
		"traceparent_ows_handling tab behind":      {[]string{w3cParent + "\t"}, true},
		"traceparent_ows_handling both":            {[]string{"\t " + w3cParent + " \t"}, true},
		"upper case":                               {[]string{strings.Replace(w3cParent, "1234567890123456-", "ABCDEF7890123456-", 1)}, false},
		"the same twice":                           {[]string{w3cParent, w3cParent}, true},
	} {
		t.Run(name, func(t *testing.T) {
			tr, _ := memory(t, sending("w3c"))
			var in lines
			for _, v := range test.values {
				in = append(in, [2]string{"traceparent", v})
			}
			out, own := passOn(t, tr, in)
			checkTraceparent(t, out, own, test.continued)
			if have, want := tracer.Malformed(tr) > 0, !test.continued && in != nil; have != want {
				t.Errorf("have counted as malformed %v, want %v", have, want)
			}
		})
	}
}

func checkTraceparent(t *testing.T, out opentracing.TextMapCarrier, own tracer.SpanContext, continued bool) {
	t.Helper()
	parent := out["traceparent"]
	if !validTraceparent.MatchString(parent) || parent[36:52] != own.SpanID() {
		t.Errorf("have traceparent %q, want a valid one of span %s", parent, own.SpanID())
	}
	if (own.TraceID() == w3cTrace) != continued || own.TraceID() != parent[3:35] || own.SpanID() == "1234567890123456" {
		t.Errorf("have span %s of trace %s, want the trace continued: %v", own.SpanID(), own.TraceID(), continued)
	}
}

// Names in other cases, and names that only look alike (test_traceparent_header_name and its like).
func TestW3CHeaderNames(t *testing.T) {
	for name, continued := range map[string]bool{"TraceParent": true, "TrAcEpArEnT": true, "TRACEPARENT": true,
		"trace-parent": false, "trace.parent": false} {
		tr, _ := memory(t, sending("w3c"))
		out, own := passOn(t, tr, lines{{name, w3cParent}})
		checkTraceparent(t, out, own, continued)
	}
	for name, kept := range map[string]bool{"TraceState": true, "TrAcEsTaTe": true, "TRACESTATE": true,
		"trace-state": false, "trace.state": false} {
		tr, _ := memory(t, sending("w3c"))
		out, _ := passOn(t, tr, lines{{"traceparent", w3cDenied}, {name, "foo=1"}})
		if have := out["tracestate"] == "foo=1"; have != kept {
			t.Errorf("%s: have tracestate %q, want it kept: %v", name, out["tracestate"], kept)
		}
	}
}
