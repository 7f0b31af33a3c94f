package tracer_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/opentracing/opentracing-go"

	"bookservice/tracer"
)

// lines are the headers of a request in their order; a name may be repeated.
type lines [][2]string

func (l lines) ForeachKey(handler func(key, value string) error) error {
	for _, h := range l {
		if err := handler(h[0], h[1]); err != nil {
			return err
		}
	}
	return nil
}

// passOn does what a service does that is called with the headers in and calls another one. It returns the headers of that
// call, and its own span.
func passOn(t testing.TB, tr opentracing.Tracer, in opentracing.TextMapReader) (out opentracing.TextMapCarrier, own *tracer.SpanContext) {
	t.Helper()
	var opts []opentracing.StartSpanOption
	sc, err := tr.Extract(opentracing.HTTPHeaders, in)
	switch {
	case err == nil:
		opts = append(opts, opentracing.ChildOf(sc))
	case !errors.Is(err, opentracing.ErrSpanContextNotFound) && !errors.Is(err, opentracing.ErrSpanContextCorrupted):
		t.Fatal(err)
	}
	span := tr.StartSpan("service", opts...)
	defer span.Finish()
	return inject(t, tr, span.Context()), span.Context().(*tracer.SpanContext)
}

func inject(t testing.TB, tr opentracing.Tracer, sc opentracing.SpanContext) opentracing.TextMapCarrier {
	t.Helper()
	out := opentracing.TextMapCarrier{}
	if err := tr.Inject(sc, opentracing.HTTPHeaders, out); err != nil {
		t.Fatal(err)
	}
	return out
}

func sending(formats string) func(*tracer.Config) {
	return func(c *tracer.Config) { c.Propagation.Inject = formats }
}

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

func checkTraceparent(t *testing.T, out opentracing.TextMapCarrier, own *tracer.SpanContext, continued bool) {
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

// TestB3 has the examples of openzipkin/b3-propagation, and what Zipkin's own readers refuse.
func TestB3(t *testing.T) {
	const (
		trace  = "80f198ee56343ba864fe8b2a57d3eff7"
		span   = "e457b5a2e4d86bd1"
		parent = "05e3ac9a4f6e3b90"
	)
	multi := func(kv ...string) (l lines) {
		for i := 0; i < len(kv); i += 2 {
			l = append(l, [2]string{"X-B3-" + kv[i], kv[i+1]})
		}
		return l
	}
	single := func(v string) lines { return lines{{"b3", v}} }
	bad, none := opentracing.ErrSpanContextCorrupted, opentracing.ErrSpanContextNotFound
	for name, test := range map[string]struct {
		in          lines
		trace, span string
		b3          string // the extracted context, injected as b3
		err         error
	}{
		"single, accept and parent":      {single(trace + "-" + span + "-1-" + parent), trace, span, trace + "-" + span + "-1-" + parent, nil},
		"single, accept":                 {single(trace + "-" + span + "-1"), trace, span, trace + "-" + span + "-1", nil},
		"single, debug":                  {single(trace + "-" + span + "-d"), trace, span, trace + "-" + span + "-d", nil},
		"single, deny":                   {single(trace + "-" + span + "-0"), trace, span, trace + "-" + span + "-0", nil},
		"single, deferred":               {single(trace + "-" + span), trace, span, trace + "-" + span, nil},
		"single, 64 bits":                {single(trace[16:] + "-" + span + "-1"), trace[16:], span, trace[16:] + "-" + span + "-1", nil},
		"single, 64 bits, padded":        {single("0000000000000000" + trace[16:] + "-" + span + "-1"), trace[16:], span, trace[16:] + "-" + span + "-1", nil},
		"single, upper case":             {single(strings.ToUpper(trace) + "-" + span + "-1"), trace, span, trace + "-" + span + "-1", nil},
		"single, only deny":              {single("0"), "", "", "0", nil},
		"single, only accept":            {single("1"), "", "", "1", nil},
		"single, only debug":             {single("d"), "", "", "d", nil},
		"single, empty":                  {in: single(""), err: none},
		"single, unknown state alone":    {in: single("2"), err: bad},
		"single, no hyphen":              {in: single("b970dafd"), err: bad},
		"single, a uuid":                 {in: single("b970dafd-0d95-41aa-95d8-1d8725aebe40"), err: bad},
		"single, trace id alone":         {in: single(trace), err: bad},
		"single, trace id and hyphen":    {in: single(trace + "-"), err: bad},
		"single, short trace id":         {in: single(trace[1:] + "-" + span), err: bad},
		"single, long trace id":          {in: single("0" + trace + "-" + span), err: bad},
		"single, short span id":          {in: single(trace + "-" + span[1:]), err: bad},
		"single, long span id":           {in: single(trace + "-0" + span), err: bad},
		"single, no state behind hyphen": {in: single(trace + "-" + span + "-"), err: bad},
		"single, unknown state":          {in: single(trace + "-" + span + "-f"), err: bad},
		"single, long state":             {in: single(trace + "-" + span + "-true"), err: bad},
		"single, parent without state":   {in: single(trace + "-" + span + "-" + parent), err: bad},
		"single, empty parent":           {in: single(trace + "-" + span + "-1-"), err: bad},
		"single, short parent":           {in: single(trace + "-" + span + "-1-" + parent[1:]), err: bad},
		"single, too many fields":        {in: single(trace + "-" + span + "-1-" + parent + "-1"), err: bad},
		"single, not hexadecimal":        {in: single(trace[:31] + "g-" + span + "-1"), err: bad},
		"single, zero trace id":          {in: single("00000000000000000000000000000000-" + span + "-1"), err: bad},
		"single, zero span id":           {in: single(trace + "-0000000000000000-1"), err: bad},
		"single, two different":          {in: append(single(trace+"-"+span+"-1"), single(trace+"-"+span+"-0")...), err: bad},

		"multi, accept and parent":   {multi("TraceId", trace, "SpanId", span, "ParentSpanId", parent, "Sampled", "1"), trace, span, trace + "-" + span + "-1-" + parent, nil},
		"multi, 64 bits":             {multi("TraceId", trace[16:], "SpanId", span, "Sampled", "1"), trace[16:], span, trace[16:] + "-" + span + "-1", nil},
		"multi, deny":                {multi("TraceId", trace, "SpanId", span, "Sampled", "0"), trace, span, trace + "-" + span + "-0", nil},
		"multi, deferred":            {multi("TraceId", trace, "SpanId", span), trace, span, trace + "-" + span, nil},
		"multi, debug":               {multi("TraceId", trace, "SpanId", span, "Flags", "1"), trace, span, trace + "-" + span + "-d", nil},
		"multi, debug over deny":     {multi("TraceId", trace, "SpanId", span, "Flags", "1", "Sampled", "0"), trace, span, trace + "-" + span + "-d", nil},
		"multi, flags without debug": {multi("TraceId", trace, "SpanId", span, "Flags", "0", "Sampled", "1"), trace, span, trace + "-" + span + "-1", nil},
		"multi, true":                {multi("TraceId", trace, "SpanId", span, "Sampled", "True"), trace, span, trace + "-" + span + "-1", nil},
		"multi, false":               {multi("TraceId", trace, "SpanId", span, "Sampled", "false"), trace, span, trace + "-" + span + "-0", nil},
		"multi, first state wins":    {multi("TraceId", trace, "SpanId", span, "Sampled", "1", "Sampled", "0"), trace, span, trace + "-" + span + "-1", nil},
		"multi, short ids":           {multi("TraceId", "1", "SpanId", "2", "Sampled", "1"), "0000000000000001", "0000000000000002", "0000000000000001-0000000000000002-1", nil},
		"multi, zero parent":         {multi("TraceId", trace, "SpanId", span, "ParentSpanId", "0000000000000000", "Sampled", "1"), trace, span, trace + "-" + span + "-1", nil},
		"multi, only deny":           {multi("Sampled", "0"), "", "", "0", nil},
		"multi, only debug":          {multi("Flags", "1"), "", "", "d", nil},
		"multi, nothing said":        {in: multi("Flags", "0"), err: none},
		"multi, unknown state":       {in: multi("TraceId", trace, "SpanId", span, "Sampled", "maybe"), err: bad},
		"multi, no span id":          {in: multi("TraceId", trace, "Sampled", "1"), err: bad},
		"multi, no trace id":         {in: multi("SpanId", span), err: bad},
		"multi, parent alone":        {in: multi("ParentSpanId", parent), err: bad},
		"multi, long trace id":       {in: multi("TraceId", "0"+trace, "SpanId", span), err: bad},
		"multi, long span id":        {in: multi("TraceId", trace, "SpanId", "0"+span), err: bad},
		"multi, bad parent":          {in: multi("TraceId", trace, "SpanId", span, "ParentSpanId", "x"), err: bad},
		"multi, long parent":         {in: multi("TraceId", trace, "SpanId", span, "ParentSpanId", "0"+parent), err: bad},
		"multi, zero ids":            {in: multi("TraceId", "0", "SpanId", "0"), err: bad},
		"multi, two trace ids":       {in: multi("TraceId", trace, "TraceId", trace[16:], "SpanId", span), err: bad},

		"single before multi":         {append(single(trace+"-"+span+"-0"), multi("TraceId", trace128, "SpanId", span1, "Sampled", "1")...), trace, span, trace + "-" + span + "-0", nil},
		"single's decision goes with": {append(single("0"), multi("TraceId", trace128, "SpanId", span1, "Sampled", "1")...), trace128, span1, trace128 + "-" + span1 + "-0", nil},
		"malformed single, good multi": {append(single("x"), multi("TraceId", trace128, "SpanId", span1, "Sampled", "1")...), trace128, span1,
			trace128 + "-" + span1 + "-1", nil},
	} {
		t.Run(name, func(t *testing.T) {
			tr, _ := memory(t, sending("b3"))
			checkExtracted(t, tr, test.in, test.trace, test.span, test.err)
			if sc, err := tr.Extract(opentracing.HTTPHeaders, test.in); err == nil {
				if have := inject(t, tr, sc)["b3"]; have != test.b3 {
					t.Errorf("have b3 %q, want %q", have, test.b3)
				}
			}
		})
	}
}

// checkExtracted checks what is extracted, and that the malformed are counted.
func checkExtracted(t *testing.T, tr opentracing.Tracer, in lines, trace, span string, want error) {
	t.Helper()
	sc, err := tr.Extract(opentracing.HTTPHeaders, in)
	if !errors.Is(err, want) || (err != nil) != (sc == nil) {
		t.Fatalf("have %v and %v, want %v", sc, err, want)
	}
	if errors.Is(err, opentracing.ErrSpanContextCorrupted) != (tracer.Malformed(tr) > 0) && err != nil {
		t.Errorf("have %d malformed, with %v", tracer.Malformed(tr), err)
	}
	if err != nil {
		return
	}
	if c := sc.(*tracer.SpanContext); c.TraceID() != trace || c.SpanID() != span {
		t.Errorf("have span %s of trace %s, want %s of %s", c.SpanID(), c.TraceID(), span, trace)
	}
}

// TestJaeger has the forms of uber-trace-id that Jaeger's documentation allows.
func TestJaeger(t *testing.T) {
	const padded = "00000000deadbeef"
	bad, none := opentracing.ErrSpanContextCorrupted, opentracing.ErrSpanContextNotFound
	for name, test := range map[string]struct {
		value, trace, span string
		want               string // the extracted context, injected as uber-trace-id
		err                error
	}{
		"sampled":             {trace128 + ":" + span1 + ":" + parent1 + ":1", trace128, span1, trace128 + ":" + span1 + ":" + parent1 + ":1", nil},
		"not sampled":         {trace128 + ":" + span1 + ":0:0", trace128, span1, trace128 + ":" + span1 + ":0:0", nil},
		"debug":               {trace128 + ":" + span1 + ":0:3", trace128, span1, trace128 + ":" + span1 + ":0:3", nil},
		"debug alone":         {trace128 + ":" + span1 + ":0:2", trace128, span1, trace128 + ":" + span1 + ":0:3", nil},
		"two digits of flags": {trace128 + ":" + span1 + ":0:01", trace128, span1, trace128 + ":" + span1 + ":0:1", nil},
		"other flags":         {trace128 + ":" + span1 + ":0:9", trace128, span1, trace128 + ":" + span1 + ":0:1", nil},
		"short ids":           {"deadbeef:5:0:1", padded, "0000000000000005", padded + ":0000000000000005:0:1", nil},
		"padded ids":          {"0000000000000000" + padded + ":5:0:1", padded, "0000000000000005", padded + ":0000000000000005:0:1", nil},
		"more than 64 bits":   {"1" + padded + ":5:0:1", "0000000000000001" + padded, "0000000000000005", "0000000000000001" + padded + ":0000000000000005:0:1", nil},
		"encoded":             {trace128 + "%3A" + span1 + "%3a0%3A1", trace128, span1, trace128 + ":" + span1 + ":0:1", nil},
		"empty":               {err: none},
		"zero trace id":       {value: "0:" + span1 + ":0:1", err: bad},
		"zero span id":        {value: trace128 + ":0:0:1", err: bad},
		"long trace id":       {value: "0" + trace128 + ":1:0:1", err: bad},
		"long span id":        {value: trace128 + ":0" + span1 + ":0:1", err: bad},
		"not hexadecimal":     {value: "xyz:1:0:1", err: bad},
		"no flags":            {value: trace128 + ":" + span1 + ":0", err: bad},
		"empty flags":         {value: trace128 + ":" + span1 + ":0:", err: bad},
		"long flags":          {value: trace128 + ":" + span1 + ":0:001", err: bad},
		"bad flags":           {value: trace128 + ":" + span1 + ":0:g", err: bad},
		"bad parent":          {value: trace128 + ":" + span1 + ":x:1", err: bad},
		"a fifth field":       {value: trace128 + ":" + span1 + ":0:1:1", err: bad},
	} {
		t.Run(name, func(t *testing.T) {
			tr, _ := memory(t, sending("jaeger"))
			in := lines{{"Uber-Trace-Id", test.value}}
			checkExtracted(t, tr, in, test.trace, test.span, test.err)
			if sc, err := tr.Extract(opentracing.HTTPHeaders, in); err == nil {
				if have := inject(t, tr, sc)["uber-trace-id"]; have != test.want {
					t.Errorf("have %q, want %q", have, test.want)
				}
			}
		})
	}
}
