package tracer_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/opentracing/opentracing-go"

	"bookservice/tracer"
)

// repeated is a carrier that has some headers, each of them many times, as HPACK's references to
// one entry do: they cost their sender one byte each. It allocates nothing.
type repeated struct {
	headers lines
	times   int
}

func (r repeated) ForeachKey(handler func(key, value string) error) error {
	for range r.times {
		if err := r.headers.ForeachKey(handler); err != nil {
			return err
		}
	}
	return nil
}

// numbered is a carrier of headers with different keys. It has a name for each, made beforehand.
type numbered struct {
	keys  []string
	value string
}

func (n numbered) ForeachKey(handler func(key, value string) error) error {
	for _, key := range n.keys {
		if err := handler(key, n.value); err != nil {
			return err
		}
	}
	return nil
}

func numberedKeys(prefix string, n int) (keys []string) {
	for i := range n {
		keys = append(keys, prefix+strconv.Itoa(i))
	}
	return keys
}

// floods are carriers with far more headers than the limits allow.
func floods() map[string]opentracing.TextMapReader {
	const times = 4000
	parent := [2]string{"traceparent", w3cParent}
	many := func(headers ...[2]string) repeated { return repeated{append(headers, parent), times} }
	members := strings.Repeat("a=1,", 1000)
	var different strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&different, "k%d=%%20+,", i)
	}
	all := map[string]opentracing.TextMapReader{
		"one long baggage":     many([2]string{"baggage", different.String()}),
		"one long tracestate":  many([2]string{"tracestate", different.String()}),
		"empty members":        many([2]string{"baggage", strings.Repeat(",", 1<<20)}),
		"empty tracestate":     many([2]string{"tracestate", strings.Repeat(", ", 1<<19)}),
		"malformed baggage":    many([2]string{"baggage", strings.Repeat("x,", 2000)}),
		"malformed tracestate": many([2]string{"tracestate", strings.Repeat("X,", 2000)}),
		"no commas":            many([2]string{"baggage", strings.Repeat("v", 1<<20)}),
		"percent signs":        many([2]string{"baggage", "a=" + strings.Repeat("%61", 2000)}),
		"different uberctx": numbered{numberedKeys("uberctx-", times),
			strings.Repeat("ä", 4000)},
		"different baggage-": numbered{numberedKeys("Baggage-", times),
			strings.Repeat("+", 8000)},
		"different ot-baggage-": numbered{numberedKeys("ot-baggage-", times), "%"},
		"keys in other cases":   numbered{numberedKeys("OT-BAGGAGE-K", times), "v"},
		"malformed keys":        numbered{numberedKeys("uberctx- ", times), "v"},
	}
	for _, name := range []string{
		"baggage", "tracestate", "traceparent", "b3", "x-b3-traceid", "x-b3-spanid",
		"x-b3-parentspanid", "x-b3-sampled", "x-b3-flags", "uber-trace-id", "uberctx-a",
		"baggage-a", "ot-baggage-a", "jaeger-baggage", "jaeger-debug-id", "grpc-trace-bin",
	} {
		all[name] = many([2]string{name, members})
		all[name+", white space"] = many([2]string{name, strings.Repeat(" ", 4000)})
		all[name+", percent"] = many([2]string{name, strings.Repeat("%3A", 1300)})
	}
	return all
}

// TestExtractReadsNoFurtherThanTheLimits extracts floods of headers over all carriers. The bytes
// that it allocates are bounded, whatever arrives; copies of the values would be thousands of times
// as many.
func TestExtractReadsNoFurtherThanTheLimits(t *testing.T) {
	const limit = 512 << 10 // bytes; the floods have 4 to 4,000 MB
	tr, _ := memory(t, injecting(everyFormat))
	for name, flood := range floods() {
		t.Run(name, func(t *testing.T) {
			for _, format := range []any{opentracing.TextMap, opentracing.HTTPHeaders} {
				var sc opentracing.SpanContext
				have := allocatedBytes(func() { sc, _ = tr.Extract(format, flood) })
				if have > limit {
					t.Errorf("%v: have %d bytes allocated, want at most %d", format, have, limit)
				}
				if sc != nil {
					checkWellFormed(t, inject(t, tr, sc))
				}
			}
		})
	}
}

// allocatedBytes returns the number of bytes that the second call of f allocates: the first one may
// fill pools.
func allocatedBytes(f func()) uint64 {
	var before, after runtime.MemStats
	f()
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestExtractFromHTTPAndBinaryIsBounded extracts floods from an [http.Header] and from binary
// carriers of the largest size.
func TestExtractFromHTTPAndBinaryIsBounded(t *testing.T) {
	tr, _ := memory(t, injecting(everyFormat))
	value := strings.Repeat("a=1,", 1000)
	h := http.Header{"Baggage": nil, "Tracestate": nil, "Traceparent": {w3cParent}}
	for range 1000 {
		h["Baggage"], h["Tracestate"] = append(h["Baggage"], value), append(h["Tracestate"], value)
	}
	for i := range 1000 {
		h.Set(fmt.Sprint("Uberctx-", i), strings.Repeat("+", 4000))
	}
	have := allocatedBytes(func() {
		carrier := opentracing.HTTPHeadersCarrier(h)
		if _, err := tr.Extract(opentracing.HTTPHeaders, carrier); err != nil {
			t.Error(err)
		}
	})
	if have > 512<<10 {
		t.Errorf("HTTP: have %d bytes allocated", have)
	}
	for name, pair := range map[string]string{
		"empty": "\x00\x00", "one byte": "\x01k\x01v", "baggage": "\x07baggage\x03a=1",
		"uberctx": "\x09uberctx-a\x02vv", "tracestate": "\x0atracestate\x03a=1",
	} {
		const size = 128 << 10 // the largest carrier
		body := strings.Repeat(pair, size/len(pair))
		carrier := append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
		have := allocatedBytes(func() {
			_, _ = tr.Extract(opentracing.Binary, bytes.NewReader(carrier))
		})
		if have > 4*size {
			t.Errorf("%s: have %d bytes allocated for a carrier of %d", name, have, len(carrier))
		}
	}
	r := io.LimitReader(zeros{}, 1<<30)
	if have := allocatedBytes(func() { _, _ = tr.Extract(opentracing.Binary, r) }); have > 1<<10 {
		t.Errorf("have %d bytes allocated for an empty carrier", have)
	}
}

// TestMembersWithinTheLimitsAreKept extracts lists that are longer than the limits. What comes
// before the limit is kept, whole members only, and what comes behind is counted.
func TestMembersWithinTheLimitsAreKept(t *testing.T) {
	baggage := func(t *testing.T, value ...string) (sent []string, dropped uint64) {
		t.Helper()
		tr, _ := memory(t, nil)
		in := lines{{"traceparent", w3cParent}}
		for _, v := range value {
			in = append(in, [2]string{"baggage", v})
		}
		out := inject(t, tr, extract(t, tr, in))
		return strings.Split(out["baggage"], ","), tracer.BaggageDropped(tr)
	}
	long := strings.Repeat("x=1 "+strings.Repeat(" ", 1000)+",", 100)
	for name, test := range map[string]struct {
		values  []string
		sent    int
		dropped uint64
	}{
		"64 members":             {[]string{strings.Repeat("a=1,", 64)}, 64, 0},
		"65 members":             {[]string{strings.Repeat("a=1,", 64) + "a=1"}, 64, 1},
		"65 values":              {slicesRepeat("a=1", 65), 64, 1},
		"2,000 values":           {slicesRepeat("a=1", 2000), 64, 1024 - 64 + 1},
		"64 KiB of white space":  {[]string{long}, 64, 3}, // two, and all that was not read
		"one member too long":    {[]string{"a=1,b=" + strings.Repeat("1", 100_000)}, 1, 1},
		"later value is too far": {[]string{"a=1," + strings.Repeat(" ", 70_000), "b=1"}, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			sent, dropped := baggage(t, test.values...)
			if len(sent) != test.sent || dropped != test.dropped {
				t.Errorf("have %d members sent and %d dropped, want %d and %d",
					len(sent), dropped, test.sent, test.dropped)
			}
		})
	}
}

func slicesRepeat(s string, n int) (all []string) {
	for range n {
		all = append(all, s)
	}
	return all
}

// TestWhichForeignItemsAreKeptDoesNotDependOnTheOrder extracts more items of other tracers than are
// allowed, in two orders: a carrier may be a map.
func TestWhichForeignItemsAreKeptDoesNotDependOnTheOrder(t *testing.T) {
	var in, reversed lines
	for i := range 1000 {
		h := [2]string{fmt.Sprintf("uberctx-k%03d", i), fmt.Sprint(i)}
		in, reversed = append(in, h), append(lines{h}, reversed...)
	}
	tr, _ := memory(t, nil)
	for name, l := range map[string]lines{"forwards": in, "backwards": reversed} {
		have := baggageOf(extract(t, tr, l))
		if len(have) != 64 || have[0] != "k000=0" || have[63] != "k063=63" {
			t.Errorf("%s: have %q, want the first 64", name, have)
		}
	}
	if have := tracer.BaggageDropped(tr); have != 2*(1000-64) {
		t.Errorf("have %d items counted as dropped, want %d", have, 2*(1000-64))
	}
	sc := extract(t, tr, append(in, [2]string{"uberctx-k000", "again"}))
	if have := baggageOf(sc)[0]; have != "k000=again" {
		t.Errorf("have %q, want the last value of a repeated key", have)
	}
	allowed, _ := memory(t, func(c *tracer.Config) { c.Propagation.BaggageAllow = "k999" })
	if have := baggageOf(extract(t, allowed, in)); len(have) != 1 || have[0] != "k999=999" {
		t.Errorf("have %q, want the one that is allowed", have)
	}
}
