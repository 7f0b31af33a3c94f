package tracer_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/opentracing/opentracing-go/log"
	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer"
)

// TestLongTextIsTruncated checks that names, keys, values and log records are truncated between
// characters, also if the replacement of invalid UTF-8 makes them longer.
func TestLongTextIsTruncated(t *testing.T) {
	for name, long := range map[string]string{
		"letters":      strings.Repeat("x", 1<<20),
		"two bytes":    strings.Repeat("é", 1<<19),
		"four bytes":   "x" + strings.Repeat("😀", 1<<18),
		"invalid":      strings.Repeat("\xff", 1<<20),
		"half invalid": strings.Repeat("a\xff", 1<<19),
	} {
		t.Run(name, func(t *testing.T) {
			tr, spans := memory(t, nil)
			s := tr.StartSpan(long).SetTag(long, long)
			s.LogFields(log.String("event", long))
			s.LogFields(log.String(long, long), log.String("more", long))
			many := make([]log.Field, 10000)
			for i := range many {
				many[i] = log.String("", "")
			}
			s.LogFields(many...)
			s.Finish()
			have := spans.Spans()[0]
			check := func(what, text string, most int) {
				t.Helper()
				least := most - len("event=🙂")
				if name == "invalid" { // one character replaces adjacent invalid bytes
					least = 1
				}
				if len(text) > most || len(text) < least || !utf8.ValidString(text) {
					t.Errorf("%s: have %d bytes (valid: %v), want about %d",
						what, len(text), utf8.ValidString(text), most)
				}
			}
			check("name", have.Name, 1<<10)
			for k, v := range have.Tags {
				check("key", k, 1<<8)
				check("value", v, 1<<12)
			}
			if len(have.Tags) != 1 || len(have.Annotations) != 3 {
				t.Fatalf("have %d tags and %d annotations, want 1 and 3",
					len(have.Tags), len(have.Annotations))
			}
			for _, a := range have.Annotations {
				check("record", a.Value, 1<<12)
			}
		})
	}
}

// TestTextWithinTheLimitsIsNotTruncated uses text of exactly the longest length.
func TestTextWithinTheLimitsIsNotTruncated(t *testing.T) {
	name, key := strings.Repeat("n", 1<<10), strings.Repeat("k", 1<<8)
	value, event := strings.Repeat("v", 1<<12), strings.Repeat("e", 1<<12-len("event= "))
	tr, spans := memory(t, nil)
	s := tr.StartSpan("x").SetOperationName(name).SetTag(key, value)
	s.SetTag("peer.service", value).SetTag("error", value)
	s.LogKV("event", event)
	s.Finish()
	have := spans.Spans()[0]
	if have.Name != name || have.Tags[key] != value || have.Tags["error"] != value ||
		have.RemoteEndpoint.ServiceName != value || have.Annotations[0].Value != event {
		t.Errorf("have name %d, value %d, error %d, peer %d, event %d bytes, want all of them",
			len(have.Name), len(have.Tags[key]), len(have.Tags["error"]),
			len(have.RemoteEndpoint.ServiceName), len(have.Annotations[0].Value))
	}
}

// TestInvalidUTF8IsReplaced checks the replacement character in every text.
func TestInvalidUTF8IsReplaced(t *testing.T) {
	const in, want = "a\xffb", "a\uFFFDb"
	tr, spans := memory(t, nil)
	s := tr.StartSpan(in).SetTag(in, in).SetTag("error", in).SetTag("peer.service", in)
	s.LogFields(log.String(in, in))
	s.Finish()
	have := spans.Spans()[0]
	if have.Name != want || have.Tags[want] != want || have.Tags["error"] != want ||
		have.RemoteEndpoint.ServiceName != want || have.Annotations[0].Value != want+"="+want {
		t.Errorf("have %+v, want %q everywhere", have, want)
	}
}

// TestNumberOfTagsAndLogRecords sets more than the limits. The first tags stay, and a tag that is
// set can still be changed. Of the log records, the oldest and the newest 64 stay, and a tag has
// the number of those that are missing.
func TestNumberOfTagsAndLogRecords(t *testing.T) {
	tr, spans := memory(t, nil)
	s := tr.StartSpan("many")
	for i := range 130 {
		s.SetTag(fmt.Sprint("tag", i), i)
		s.LogKV("event", i)
	}
	s.SetTag("tag127", "changed").SetTag("error", true)
	s.FinishWithOptions(opentracing.FinishOptions{
		LogRecords: []opentracing.LogRecord{{Fields: []log.Field{log.Event("late")}}},
	})
	have := spans.Spans()[0]
	_, beyond := have.Tags["tag128"]
	if len(have.Tags) != 130 || have.Tags["tag0"] != "0" || have.Tags["tag127"] != "changed" ||
		have.Tags["error"] != "true" || have.Tags["otel.dropped_events_count"] != "3" || beyond {
		t.Errorf("have %d tags, want the first 128, error and the number of missing records: %v",
			len(have.Tags), have.Tags)
	}
	var values, want []string
	for _, a := range have.Annotations {
		values = append(values, a.Value)
	}
	for i := range 130 {
		if i < 64 || i >= 67 {
			want = append(want, fmt.Sprint(i))
		}
	}
	if diff := cmp.Diff(append(want, "late"), values); diff != "" {
		t.Errorf("annotations: -want +have\n%s", diff)
	}
}

// TestFieldsBeyondTheLimitAreOmitted logs fields of 1 KiB each. A number that is truncated becomes
// text.
func TestFieldsBeyondTheLimitAreOmitted(t *testing.T) {
	tr, spans := memory(t, nil)
	s := tr.StartSpan("call")
	text := strings.Repeat("v", 1<<10)
	s.LogFields(log.String("a", text), log.String("b", text), log.String("c", text),
		log.String("d", text), log.String("e", text))
	s.LogFields(log.String("a", strings.Repeat("v", 1<<12-8)), log.Int("n", 12345))
	s.Finish()
	have := texts(spans.Spans()[0])
	want := "a=" + text + " b=" + text + " c=" + text + " d=" + text
	if n := len(have[0]); n > 1<<12 || n < 1<<12-5 || !strings.HasPrefix(want, have[0]) {
		t.Errorf("have %d bytes, want the first 4 KiB of the record", n)
	}
	if !strings.HasSuffix(have[1], "v n=123") {
		t.Errorf("have a record that ends in %q, want the number truncated", have[1][1<<12-10:])
	}
}

// TestTimesThatCannotBeSentAreReplaced starts spans at both ends of the range. Others start at the
// current time.
func TestTimesThatCannotBeSentAreReplaced(t *testing.T) {
	const last = math.MaxInt64/int64(time.Second) - 1 // in 2262
	for at, kept := range map[int64]bool{
		math.MinInt64: false, -1: false, 0: false, 1: true, last: true, last + 1: false,
		1 << 60: false,
	} {
		tr, spans := memory(t, nil)
		before, start := time.Now(), time.Unix(at, 0)
		fields := []log.Field{log.Event("x")}
		tr.StartSpan("call", opentracing.StartTime(start)).FinishWithOptions(
			opentracing.FinishOptions{
				FinishTime: start,
				LogRecords: []opentracing.LogRecord{{Timestamp: start, Fields: fields}},
			})
		have := spans.Spans()[0]
		for _, have := range []time.Time{have.Timestamp, have.Annotations[0].Timestamp} {
			if kept && !have.Equal(start) {
				t.Errorf("%d s: have %v, want %v", at, have, start)
			}
			if !kept && (have.Before(before) || have.After(time.Now())) {
				t.Errorf("%d s: have %v, want the current time", at, have)
			}
		}
	}
}

// TestSpansThatEndBeforeTheyStart checks their duration and that they are counted.
func TestSpansThatEndBeforeTheyStart(t *testing.T) {
	for duration, test := range map[time.Duration]struct {
		want    time.Duration
		clamped uint64
	}{
		-time.Hour:             {time.Microsecond, 1},
		-1:                     {time.Microsecond, 1},
		0:                      {time.Microsecond, 0},
		time.Microsecond - 1:   {time.Microsecond, 0},
		2 * time.Microsecond:   {2 * time.Microsecond, 0},
		1500 * time.Nanosecond: {1500 * time.Nanosecond, 0},
	} {
		var m tracer.Metrics
		tr, spans := memory(t, nil, tracer.WithMetrics(&m))
		start := time.Now()
		tr.StartSpan("call", opentracing.StartTime(start)).FinishWithOptions(
			opentracing.FinishOptions{FinishTime: start.Add(duration)})
		have, clamped := spans.Spans()[0].Duration, m.Stats().Clamped
		if have != test.want || clamped != test.clamped {
			t.Errorf("%v: have %v and %d counted, want %v and %d",
				duration, have, clamped, test.want, test.clamped)
		}
	}
}

// TestReporterMayChangeItsSpans has a reporter that changes its spans. No other backend and no
// later span sees the changes.
func TestReporterMayChangeItsSpans(t *testing.T) {
	change := reporterFunc{func(m model.SpanModel) {
		m.LocalEndpoint.ServiceName, m.LocalEndpoint.IPv4[0] = "changed", 0
		m.RemoteEndpoint.ServiceName, m.RemoteEndpoint.IPv4[0] = "changed", 0
		m.Annotations[0].Value, m.Tags["k"] = "changed", "changed"
		*m.ParentID, *m.Sampled = 0, false
	}, func() error { return nil }}
	c := config("mine,memory")
	c.Address = "127.0.0.1:50051"
	spans := &tracer.Memory{}
	tr, closer := open(t, c, tracer.WithMemory(spans), withReporter(change, nil))
	for range 2 {
		parent, err := tr.Extract(opentracing.TextMap, opentracing.TextMapCarrier{
			"traceparent": "00-0000000000000000000000000000000a-000000000000000b-01",
		})
		if err != nil {
			t.Fatal(err)
		}
		s := tr.StartSpan("call", opentracing.ChildOf(parent), ext.SpanKindRPCServer)
		s.SetTag("k", "v").SetTag("peer.service", "caller").SetTag("peer.address", "127.0.0.2:1")
		s.LogKV("event", "sent")
		s.Finish()
	}
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	for _, m := range spans.Spans() {
		have := []any{
			m.LocalEndpoint.ServiceName, m.LocalEndpoint.IPv4.String(),
			m.RemoteEndpoint.ServiceName, m.RemoteEndpoint.IPv4.String(),
			m.Annotations[0].Value, m.Tags["k"], *m.ParentID != 0, *m.Sampled,
		}
		want := []any{
			"bookserver", "127.0.0.1", "caller", "127.0.0.2", "sent", "v", true, true,
		}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("-want +have\n%s", diff)
		}
	}
	if len(spans.Spans()) != 2 {
		t.Errorf("have %d spans, want 2", len(spans.Spans()))
	}
}
