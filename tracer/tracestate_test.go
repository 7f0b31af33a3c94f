package tracer_test

import (
	"fmt"
	"strings"
	"testing"

	"bookservice/tracer"
)

// TestW3CTracestate has the cases that are about tracestate. What is not kept is dropped whole, and the trace goes on.
func TestW3CTracestate(t *testing.T) {
	keyChars := "abcdefghijklmnopqrstuvwxyz0123456789_-*/"
	var valueChars strings.Builder
	for c := byte(' '); c <= '~'; c++ {
		if c != ',' && c != '=' {
			valueChars.WriteByte(c)
		}
	}
	values := func(v ...string) []string { return v }
	for name, test := range map[string]struct {
		values []string
		want   string // what is passed on
	}{
		"included":                          {values("foo=1,bar=2"), "foo=1,bar=2"},
		"empty_header":                      {values(""), ""},
		"empty_header behind":               {values("foo=1", ""), "foo=1"},
		"empty_header before":               {values("", "foo=1"), "foo=1"},
		"multiple_headers_different_keys":   {values("foo=1,bar=2", "rojo=1,congo=2", "baz=3"), "foo=1,bar=2,rojo=1,congo=2,baz=3"},
		"duplicated_keys same value":        {values("foo=1,foo=1"), ""},
		"duplicated_keys other value":       {values("foo=1,foo=2"), ""},
		"duplicated_keys two headers":       {values("foo=1", "foo=1"), ""},
		"duplicated_keys two other headers": {values("foo=1", "foo=2"), ""},
		"all_allowed_characters":            {values(keyChars + "=" + valueChars.String()), keyChars + "=" + valueChars.String()},
		"all_allowed_characters vendor": {values(keyChars + "@a-z0-9_-*/=" + valueChars.String()),
			keyChars + "@a-z0-9_-*/=" + valueChars.String()},
		"ows_handling spaces":             {values("foo=1 , bar=2, baz=3"), "foo=1 , bar=2, baz=3"},
		"ows_handling tabs between":       {values("foo=1 \t , \t bar=2, \t baz=3"), "foo=1,bar=2,baz=3"},
		"ows_handling tabs":               {values("foo=1\t \t,\t \tbar=2,\t \tbaz=3"), "foo=1,bar=2,baz=3"},
		"ows_handling space before":       {values(" foo=1"), "foo=1"},
		"ows_handling tab before":         {values("\tfoo=1"), "foo=1"},
		"ows_handling space behind":       {values("foo=1 "), "foo=1"},
		"ows_handling tab behind":         {values("foo=1\t"), "foo=1"},
		"ows_handling both":               {values("\t foo=1 \t"), "foo=1"},
		"key_illegal_characters space":    {values("foo =1"), ""},
		"key_illegal_characters upper":    {values("FOO=1"), ""},
		"key_illegal_characters dot":      {values("foo.bar=1"), ""},
		"key_illegal_vendor_format end":   {values("foo@=1,bar=2"), ""},
		"key_illegal_vendor_format start": {values("@foo=1,bar=2"), ""},
		"key_illegal_vendor_format twice": {values("foo@@bar=1,bar=2"), ""},
		"key_illegal_vendor_format two":   {values("foo@bar@baz=1,bar=2"), ""},
		"member_count_limit 32":           {values(members(1, 10), members(11, 20), members(21, 32)), members(1, 32)},
		"member_count_limit 33":           {values(members(1, 10), members(11, 20), members(21, 33)), ""},
		"key_length_limit 256": {values("foo=1", strings.Repeat("z", 256)+"=1"),
			"foo=1," + strings.Repeat("z", 256) + "=1"},
		"key_length_limit 257": {values("foo=1", strings.Repeat("z", 257)+"=1"), ""},
		"key_length_limit 241@14": {values("foo=1", strings.Repeat("t", 241)+"@"+strings.Repeat("v", 14)+"=1"),
			"foo=1," + strings.Repeat("t", 241) + "@" + strings.Repeat("v", 14) + "=1"},
		"key_length_limit 242@1":           {values("foo=1", strings.Repeat("t", 242)+"@v=1"), ""},
		"key_length_limit 1@15":            {values("foo=1", "t@"+strings.Repeat("v", 15)+"=1"), ""},
		"value_illegal_characters equals":  {values("foo=bar=baz"), ""},
		"value_illegal_characters empty":   {values("foo=,bar=3"), ""},
		"value of 256":                     {values("foo=" + strings.Repeat("v", 256)), "foo=" + strings.Repeat("v", 256)},
		"value of 257":                     {values("foo=" + strings.Repeat("v", 257)), ""},
		"value with a control character":   {values("foo=a\x01b"), ""},
		"value beyond ASCII":               {values("foo=ä"), ""},
		"no value":                         {values("foo"), ""},
		"empty members":                    {values("foo=1,,bar=2,"), "foo=1,,bar=2,"},
		"tenant that begins with a digit":  {values("1a@b=1"), "1a@b=1"},
		"system that begins with a digit":  {values("a@1b=1"), ""},
		"key that begins with a dash":      {values("-a=1"), ""},
		"key that begins with a digit (2)": {values("1a=1"), "1a=1"},
	} {
		t.Run(name, func(t *testing.T) {
			tr, _ := memory(t, sending("w3c"))
			in := lines{{"traceparent", w3cDenied}}
			for _, v := range test.values {
				in = append(in, [2]string{"tracestate", v})
			}
			out, own := passOn(t, tr, in)
			checkTraceparent(t, out, own, true)
			have, is := out["tracestate"]
			if have != test.want || is != (have != "") {
				t.Errorf("have %q (%v), want %q", have, is, test.want)
			}
			malformed := test.want == "" && strings.Join(test.values, "") != ""
			if have := tracer.Malformed(tr) == 1; have != malformed {
				t.Errorf("have counted as malformed %v, want %v", have, malformed)
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

// A tracestate goes with the traceparent beside it, and with no other trace.
func TestTracestateBelongsToATrace(t *testing.T) {
	for name, test := range map[string]struct {
		in   lines
		want string
	}{
		"no traceparent":             {lines{{"tracestate", "foo=1"}}, ""},
		"malformed traceparent":      {lines{{"traceparent", "00-x"}, {"tracestate", "foo=1"}}, ""},
		"b3 only":                    {lines{{"b3", trace128 + "-" + span1 + "-1"}, {"tracestate", "foo=1"}}, ""},
		"b3 of the same trace":       {lines{{"b3", w3cTrace + "-" + span1 + "-1"}, {"traceparent", w3cParent}, {"tracestate", "foo=1"}}, "foo=1"},
		"b3 of another trace":        {lines{{"b3", trace128 + "-" + span1 + "-1"}, {"traceparent", w3cParent}, {"tracestate", "foo=1"}}, ""},
		"a b3 decision without ids":  {lines{{"b3", "0"}, {"traceparent", w3cParent}, {"tracestate", "foo=1"}}, "foo=1"},
		"jaeger of the same trace":   {lines{{"uber-trace-id", w3cTrace + ":1:0:1"}, {"traceparent", w3cParent}, {"tracestate", "foo=1"}}, "foo=1"},
		"malformed b3 beside a good": {lines{{"b3", "x"}, {"traceparent", w3cParent}, {"tracestate", "foo=1"}}, "foo=1"},
	} {
		t.Run(name, func(t *testing.T) {
			tr, _ := memory(t, sending("w3c"))
			if out, _ := passOn(t, tr, test.in); out["tracestate"] != test.want {
				t.Errorf("have %q, want %q", out["tracestate"], test.want)
			}
		})
	}
}

// A long tracestate is passed on as it is up to 4 KiB; beyond, members of more than 128 characters are left out first, then
// any, whole and from the end.
func TestLongTracestate(t *testing.T) {
	long := func(key string, n int) string { return key + "=" + strings.Repeat("v", n-len(key)-1) }
	var short []string
	for i := range 31 {
		short = append(short, long(fmt.Sprintf("k%02d", i), 128))
	}
	fits := strings.Join(short, ",") // 31 × 128 + 30 commas = 3998 bytes
	for name, test := range map[string]struct{ in, want string }{
		"2 KiB":              {strings.Join(short[:16], ","), strings.Join(short[:16], ",")},
		"up to the limit":    {fits + "," + long("z", 97), fits + "," + long("z", 97)},
		"one long too many":  {long("a", 129) + "," + fits, fits},
		"the last long goes": {long("a", 129) + "," + strings.Join(short[:30], ",") + "," + long("z", 250), long("a", 129) + "," + strings.Join(short[:30], ",")},
		"no long one":        {fits + "," + long("z", 128), fits},
	} {
		t.Run(name, func(t *testing.T) {
			tr, _ := memory(t, sending("w3c"))
			out, _ := passOn(t, tr, lines{{"traceparent", w3cDenied}, {"tracestate", test.in}})
			if out["tracestate"] != test.want {
				t.Errorf("have %d bytes\n%s\nwant %d\n%s", len(out["tracestate"]), out["tracestate"], len(test.want), test.want)
			}
		})
	}
}

// Debug goes on through services that send W3C only: as the b3 member of tracestate, in front of the members of others.
func TestDebugWithW3COnly(t *testing.T) {
	tr, _ := memory(t, sending("w3c"))
	out, own := passOn(t, tr, lines{{"x-b3-flags", "1"}, {"traceparent", w3cDenied}, {"tracestate", "foo=1"}})
	if want := "b3=" + own.TraceID() + "-" + own.SpanID() + "-d,foo=1"; out["tracestate"] != want {
		t.Fatalf("have tracestate %q, want %q", out["tracestate"], want)
	}
	again, own := passOn(t, tr, out)
	if want := "b3=" + own.TraceID() + "-" + own.SpanID() + "-d,foo=1"; again["tracestate"] != want {
		t.Errorf("the next one has tracestate %q, want %q", again["tracestate"], want)
	}
	full, _ := passOn(t, tr, lines{{"x-b3-flags", "1"}, {"traceparent", w3cDenied}, {"tracestate", members(1, 32)}})
	if !strings.HasSuffix(full["tracestate"], "-d,"+members(1, 31)) {
		t.Errorf("have tracestate %q, want the last of 32 members to have made room", full["tracestate"])
	}
}
