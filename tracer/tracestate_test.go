package tracer_test

import (
	"fmt"
	"strings"
	"testing"

	"bookservice/tracer"
)

// TestW3CTracestate has the cases of the test suite of w3c/trace-context (level 2) about
// tracestate, with the names of that suite, and others. A malformed member and one that repeats a
// key are dropped, the other members are passed on. The suite's strict mode wants the whole list
// dropped where a member begins with an at sign, has 257 characters in its key or has no value:
// level 2 permits either (section 4.3).
func TestW3CTracestate(t *testing.T) {
	const keyChars = "abcdefghijklmnopqrstuvwxyz0123456789_-*/"
	var valueChars strings.Builder
	for c := byte(' '); c <= '~'; c++ {
		if c != ',' && c != '=' {
			valueChars.WriteByte(c)
		}
	}
	all, vendor := keyChars+"="+valueChars.String(), keyChars+"@a-z0-9_-*/="+valueChars.String()
	z256, t241, v14 := strings.Repeat("z", 256), strings.Repeat("t", 241), strings.Repeat("v", 14)
	vendor14, vendor1 := t241+"@"+v14+"=1", t241+"t@v=1"
	in := func(values ...string) []string { return values }
	for name, test := range map[string]struct {
		values    []string
		want      string // what is injected
		malformed bool   // whether it is counted
	}{
		"included":            {in("foo=1,bar=2"), "foo=1,bar=2", false},
		"empty_header":        {in(""), "", false},
		"empty_header behind": {in("foo=1", ""), "foo=1", false},
		"empty_header before": {in("", "foo=1"), "foo=1", false},
		"multiple_headers_different_keys": {in("foo=1,bar=2", "rojo=1,congo=2", "baz=3"),
			"foo=1,bar=2,rojo=1,congo=2,baz=3", false},
		"duplicated_keys same value":        {in("foo=1,foo=1"), "foo=1", true},
		"duplicated_keys other value":       {in("foo=1,foo=2"), "foo=1", true},
		"duplicated_keys two headers":       {in("foo=1", "foo=1"), "foo=1", true},
		"duplicated_keys two other headers": {in("foo=1", "foo=2"), "foo=1", true},
		"duplicated_keys around another":    {in("foo=1,bar=2,foo=3"), "foo=1,bar=2", true},
		"all_allowed_characters":            {in(all), all, false},
		"all_allowed_characters vendor":     {in(vendor), vendor, false},
		"ows_handling spaces": {in("foo=1 , bar=2, baz=3"), "foo=1 , bar=2, baz=3",
			false},
		"ows_handling tabs between": {in("foo=1 \t , \t bar=2, \t baz=3"),
			"foo=1,bar=2,baz=3", false},
		"ows_handling tabs": {in("foo=1\t \t,\t \tbar=2,\t \tbaz=3"),
			"foo=1,bar=2,baz=3", false},
		"ows_handling space before":       {in(" foo=1"), "foo=1", false},
		"ows_handling tab before":         {in("\tfoo=1"), "foo=1", false},
		"ows_handling space behind":       {in("foo=1 "), "foo=1", false},
		"ows_handling tab behind":         {in("foo=1\t"), "foo=1", false},
		"ows_handling both":               {in("\t foo=1 \t"), "foo=1", false},
		"key_illegal_characters space":    {in("foo =1"), "", true},
		"key_illegal_characters upper":    {in("FOO=1"), "", true},
		"key_illegal_characters dot":      {in("foo.bar=1"), "", true},
		"key_illegal_characters between":  {in("a=1,FOO=2,b=3,foo bar=4"), "a=1,b=3", true},
		"key_illegal_vendor_format end":   {in("foo@=1,bar=2"), "foo@=1,bar=2", false},
		"key_illegal_vendor_format start": {in("@foo=1,bar=2"), "bar=2", true},
		"key_illegal_vendor_format twice": {in("foo@@bar=1,bar=2"), "foo@@bar=1,bar=2", false},
		"key_illegal_vendor_format two": {in("foo@bar@baz=1,bar=2"), "foo@bar@baz=1,bar=2",
			false},
		"member_count_limit 32": {in(members(1, 10), members(11, 32)), members(1, 32), false},
		"member_count_limit 33": {in(members(1, 10), members(11, 33)), "", true},
		"member_count_limit 32, one twice": {in(members(1, 32), "bar07=x"), members(1, 32),
			true},
		"key_length_limit 256":             {in("foo=1", z256+"=1"), "foo=1," + z256 + "=1", false},
		"key_length_limit 257":             {in("foo=1", z256+"z=1"), "foo=1", true},
		"key_length_limit 241@14":          {in("foo=1", vendor14), "foo=1," + vendor14, false},
		"key_length_limit 242@1":           {in("foo=1", vendor1), "foo=1," + vendor1, false},
		"key_length_limit 1@15":            {in("t@" + v14 + "v=1"), "t@" + v14 + "v=1", false},
		"value_illegal_characters equals":  {in("foo=bar=baz"), "", true},
		"value_illegal_characters empty":   {in("foo=,bar=3"), "bar=3", true},
		"value of 256":                     {in("foo=" + z256), "foo=" + z256, false},
		"value of 257":                     {in("foo=z" + z256), "", true},
		"value with a control character":   {in("foo=a\x01b"), "", true},
		"value with DEL":                   {in("foo=a\x7fb"), "", true},
		"value beyond ASCII":               {in("foo=ä"), "", true},
		"value with leading spaces":        {in("foo=  a,bar=2"), "foo=  a,bar=2", false},
		"no value":                         {in("foo"), "", true},
		"empty members":                    {in("foo=1,,bar=2,"), "foo=1,,bar=2,", false},
		"only empty members":               {in(", ,", ","), "", false},
		"tenant that begins with a digit":  {in("1a@b=1"), "1a@b=1", false},
		"system that begins with a digit":  {in("a@1b=1"), "a@1b=1", false},
		"key that begins with a dash":      {in("-a=1"), "", true},
		"key that begins with a digit (2)": {in("1a=1"), "1a=1", false},
		"key that is a prefix of another":  {in("ab=1,a=2,abc=3"), "ab=1,a=2,abc=3", false},
	} {
		t.Run(name, func(t *testing.T) {
			tr, _ := memory(t, injecting("w3c"))
			headers := lines{{"traceparent", w3cDenied}}
			for _, v := range test.values {
				headers = append(headers, [2]string{"tracestate", v})
			}
			out, own := passOn(t, tr, headers)
			checkTraceparent(t, out, own, true)
			have, sent := out["tracestate"]
			if have != test.want || sent != (have != "") {
				t.Errorf("have %q (sent: %v), want %q", have, sent, test.want)
			}
			if have := tracer.Malformed(tr); have != 0 && have != 1 || have == 1 != test.malformed {
				t.Errorf("have %d counted as malformed, want one: %v", have, test.malformed)
			}
		})
	}
}

// members returns the members bar01=01 and so on.
func members(first, last int) string {
	var all []string
	for i := first; i <= last; i++ {
		all = append(all, fmt.Sprintf("bar%02d=%02d", i, i))
	}
	return strings.Join(all, ",")
}

// TestTracestateBelongsToItsTraceparent checks that a tracestate is passed on only if the
// traceparent names the trace.
func TestTracestateBelongsToItsTraceparent(t *testing.T) {
	const same = w3cTrace + "-" + span1
	for name, test := range map[string]struct {
		in   lines
		want string
	}{
		"no traceparent":        {nil, ""},
		"malformed traceparent": {lines{{"traceparent", "00-x"}}, ""},
		"b3 alone":              {lines{{"b3", trace128 + "-" + span1 + "-1"}}, ""},
		"b3 of the same trace":  {lines{{"b3", same + "-1"}, {"traceparent", w3cParent}}, "foo=1"},
		"b3 of another trace": {lines{{"b3", trace128 + "-" + span1 + "-1"},
			{"traceparent", w3cParent}}, ""},
		"b3 decision without ids": {lines{{"b3", "0"}, {"traceparent", w3cParent}}, "foo=1"},
		"jaeger of the same trace": {lines{{"uber-trace-id", w3cTrace + ":1:0:1"},
			{"traceparent", w3cParent}}, "foo=1"},
		"malformed b3": {lines{{"b3", "x"}, {"traceparent", w3cParent}}, "foo=1"},
	} {
		t.Run(name, func(t *testing.T) {
			tr, _ := memory(t, injecting("w3c"))
			out, _ := passOn(t, tr, append(test.in, [2]string{"tracestate", "foo=1"}))
			if out["tracestate"] != test.want {
				t.Errorf("have %q, want %q", out["tracestate"], test.want)
			}
		})
	}
}

// TestLongTracestate checks that a tracestate of up to 4 KiB is passed on as received. From a
// longer one, whole members are dropped from the end: first members of more than 128 characters,
// then any.
func TestLongTracestate(t *testing.T) {
	member := func(key string, length int) string {
		return key + "=" + strings.Repeat("v", length-len(key)-1)
	}
	var short []string
	for i := range 31 {
		short = append(short, member(fmt.Sprintf("k%02d", i), 128))
	}
	fits := strings.Join(short, ",") // 31 × 128 bytes and 30 commas: 3998 bytes
	most := strings.Join(short[:30], ",")
	long := member("a", 129)
	for name, test := range map[string]struct{ in, want string }{
		"2 KiB":             {strings.Join(short[:16], ","), strings.Join(short[:16], ",")},
		"4 KiB":             {fits + "," + member("z", 97), fits + "," + member("z", 97)},
		"4 KiB with spaces": {fits + " ," + member("z", 96), fits + " ," + member("z", 96)},
		"one long member":   {long + "," + fits, fits},
		"two long members":  {long + "," + most + "," + member("z", 250), long + "," + most},
		"no long member":    {fits + "," + member("z", 128), fits},
		"4 KiB without a long member": {
			member("z", 226) + "," + most + "," + long, member("z", 226) + "," + most},
		"one byte more than 4 KiB": {fits + "," + member("z", 98), fits},
	} {
		t.Run(name, func(t *testing.T) {
			tr, _ := memory(t, injecting("w3c"))
			out, _ := passOn(t, tr, lines{{"traceparent", w3cDenied}, {"tracestate", test.in}})
			if out["tracestate"] != test.want {
				t.Errorf("have %d bytes, want %d: %.300s…",
					len(out["tracestate"]), len(test.want), out["tracestate"])
			}
		})
	}
}

// TestDebugIsAMemberOfTracestate sends only W3C's headers. Debug is the member b3 of tracestate,
// before the members of others.
func TestDebugIsAMemberOfTracestate(t *testing.T) {
	want := func(own tracer.SpanContext, others string) string {
		return "b3=" + own.TraceID() + "-" + own.SpanID() + "-d" + others
	}
	in := func(tracestate string) lines {
		return lines{{"x-b3-flags", "1"}, {"traceparent", w3cDenied}, {"tracestate", tracestate}}
	}
	tr, _ := memory(t, injecting("w3c"))
	out, own := passOn(t, tr, in("foo=1"))
	if have := out["tracestate"]; have != want(own, ",foo=1") {
		t.Fatalf("have tracestate %q, want %q", have, want(own, ",foo=1"))
	}
	again, own := passOn(t, tr, out)
	if have := again["tracestate"]; have != want(own, ",foo=1") {
		t.Errorf("the next service: have tracestate %q, want %q", have, want(own, ",foo=1"))
	}
	full, own := passOn(t, tr, in(members(1, 32)))
	if have := full["tracestate"]; have != want(own, ","+members(1, 31)) {
		t.Errorf("have tracestate %q, want the last of 32 members dropped", have)
	}
	both, _ := memory(t, injecting("w3c,b3"))
	if out, _ := passOn(t, both, in("foo=1")); out["tracestate"] != "foo=1" {
		t.Errorf("with b3: have tracestate %q, want it as received", out["tracestate"])
	}
}
