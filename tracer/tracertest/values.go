package tracertest

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/opentracing/opentracing-go/log"
)

// A user is a value that uses its span when it is rendered.
type user struct{ span opentracing.Span }

func (u user) String() string {
	u.span.LogKV("event", "rendered")
	return u.span.SetTag("within", 1).BaggageItem("tenant")
}

// checkValues sets values that are rendered by methods, pointers, and values that contain
// themselves.
func checkValues(t *testing.T, open Open) {
	tr, received := open(t, nil)
	s := tr.StartSpan("call").SetBaggageItem("tenant", "a")
	text, number := "zh", int64(42)
	pointer := &number
	cycle := map[string]any{}
	cycle["self"] = cycle
	slice := make([]any, 1)
	slice[0] = slice
	s.SetTag("user", user{s}).SetTag("text", &text).SetTag("number", &pointer)
	s.SetTag("cycle", cycle).SetTag("slice", slice).SetTag("panics", panics{})
	s.LogFields(log.Object("user", user{s}), log.Object("number", &number))
	s.LogFields(log.Object("cycle", cycle), log.Error(failure{}),
		log.Lazy(func(log.Encoder) { panic("lazy") }))
	s.Finish()
	have := one(t, received())
	for key, want := range map[string]string{
		"user": "a", "within": "1", "text": "zh", "number": "42",
	} {
		if have.Tags[key] != want {
			t.Errorf("have tag %s=%q, want %q", key, have.Tags[key], want)
		}
	}
	for _, key := range []string{"cycle", "slice", "panics"} {
		if have.Tags[key] == "" {
			t.Errorf("have no tag %s", key)
		}
	}
	var values []string
	for _, a := range have.Annotations {
		values = append(values, a.Value)
	}
	if len(values) != 4 || values[0] != "rendered" || values[1] != "rendered" ||
		values[2] != "user=a number=42" {
		t.Errorf("have annotations %q, want two of the values, and two of the span", values)
	}
}

type failure struct{}

func (failure) Error() string { panic("Error") }

// checkErrorMessages logs errors in the ways of instrumentation. The error tag has the message of
// the last one.
func checkErrorMessages(t *testing.T, open Open) {
	err, event := errors.New("disk full"), log.String("event", "error")
	tests := map[string][]log.Field{
		"error.object":                {event, log.Object("error.object", err)},
		"error.object, without event": {log.Object("error.object", err)},
		"message":                     {event, log.String("message", "disk full")},
		"error of older opentracing":  {event, log.Object("error", err)},
		"error as text":               {log.String("error", "disk full")},
		"kind and message": {event, log.String("error.kind", "EIO"),
			log.String("message", "disk full"), log.String("stack", "main.go:1")},
	}
	tr, received := open(t, nil)
	var names []string
	for name, fields := range tests {
		s := tr.StartSpan(name)
		s.LogFields(log.String("event", "error"), log.String("message", "an earlier one"))
		ext.Error.Set(s, true)
		s.LogFields(fields...)
		s.LogFields(log.String("message", "no error"))
		s.Finish()
		names = append(names, name)
	}
	for name, s := range byName(t, received(), names...) {
		if have := s.Tags["error"]; have != "disk full" {
			t.Errorf("%s: have error tag %q, want the message", name, have)
		}
	}
}

// checkManyLogs logs 1,000 records. The oldest and the newest 64 are sent, and the number of the
// others.
func checkManyLogs(t *testing.T, open Open) {
	tr, received := open(t, nil)
	s := tr.StartSpan("call")
	var want []string
	for i := range 1000 {
		s.LogKV("event", i)
		if i < 64 || i >= 1000-64 {
			want = append(want, fmt.Sprint(i))
		}
	}
	s.Finish()
	have := one(t, received())
	var values []string
	for _, a := range have.Annotations {
		values = append(values, a.Value)
	}
	if diff := cmp.Diff(want, values); diff != "" {
		t.Errorf("annotations: -want +have\n%s", diff)
	}
	if n := have.Tags["otel.dropped_events_count"]; n != "872" {
		t.Errorf("have %q missing records in the tag, want 872", n)
	}
}

// checkAnyTimes starts and finishes spans at absurd times. Each span has a start and a duration
// that every format can express.
func checkAnyTimes(t *testing.T, open Open) {
	tr, received := open(t, nil)
	now := time.Now()
	times := map[string]time.Time{
		"least": time.Unix(-1<<62, 0), "year 1": time.Time{}.Add(1), "1969": time.Unix(-1, 0),
		"1970": time.Unix(1, 0), "now": now, "2261": time.Date(2261, 1, 1, 0, 0, 0, 0, time.UTC),
		"2263": time.Date(2263, 1, 1, 0, 0, 0, 0, time.UTC), "greatest": time.Unix(1<<62, 0),
	}
	var names []string
	for from, start := range times {
		for to, end := range times {
			name := from + " to " + to
			tr.StartSpan(name, opentracing.StartTime(start)).
				FinishWithOptions(opentracing.FinishOptions{FinishTime: end})
			names = append(names, name)
		}
	}
	first, last := time.Unix(1, 0), time.Unix(0, 1<<63-1)
	have := byName(t, received(), names...)
	for name, s := range have {
		end := s.Timestamp.Add(s.Duration)
		if s.Duration < time.Microsecond || s.Timestamp.Before(first) || end.After(last) {
			t.Errorf("%s: have %v from %v, want at least 1 µs from 1970 to 2262", name, s.Duration,
				s.Timestamp)
		}
	}
	const centuries = 290 * 365 * 24 * time.Hour
	if d := have["1970 to 2261"].Duration; d < centuries {
		t.Errorf("have %v from 1970 to 2261, want more than %v", d, centuries)
	}
}

// checkPeerForms sets the peer's address in the forms of instrumentation.
func checkPeerForms(t *testing.T, open Open) {
	type tags = opentracing.Tags
	tests := map[string]struct {
		tags tags
		ip   string
		port uint16
	}{
		"hostname that is an address": {tags{"peer.hostname": "10.0.0.1"}, "10.0.0.1", 0},
		"hostname with ipv6":          {tags{"peer.hostname": "2001:db8::1"}, "2001:db8::1", 0},
		"address without a port":      {tags{"peer.address": "10.0.0.1"}, "10.0.0.1", 0},
		"ipv6 address":                {tags{"peer.address": "::1"}, "::1", 0},
		"ipv6 address in brackets":    {tags{"peer.address": "[::1]"}, "::1", 0},
		"ipv6 address with a port":    {tags{"peer.address": "[::1]:80"}, "::1", 80},
		"name with a port":            {tags{"peer.address": "books:80"}, "<nil>", 80},
		"hostname and port": {
			tags{"peer.hostname": "books", "peer.port": 80}, "<nil>", 80},
	}
	tr, received := open(t, nil)
	var names []string
	for name, test := range tests {
		tr.StartSpan(name, ext.SpanKindRPCClient, test.tags).Finish()
		names = append(names, name)
	}
	for name, s := range byName(t, received(), names...) {
		test, ip := tests[name], "<nil>"
		if e := s.RemoteEndpoint; e == nil || e.Port != test.port {
			t.Errorf("%s: have peer %v, want port %d", name, e, test.port)
			continue
		}
		for _, one := range [][]byte{s.RemoteEndpoint.IPv4, s.RemoteEndpoint.IPv6} {
			if len(one) > 0 {
				ip = net.IP(one).String()
			}
		}
		if ip != test.ip {
			t.Errorf("%s: have address %s, want %s", name, ip, test.ip)
		}
		for _, key := range []string{"peer.hostname", "peer.address"} {
			if v, ok := test.tags[key]; ok && ip == "<nil>" && s.Tags[key] != v {
				t.Errorf("%s: have tag %s=%q, want the name %v", name, key, s.Tags[key], v)
			}
		}
	}
}

// checkLinks starts a span with several references of both types. One is the parent, and the tag
// lists the others.
func checkLinks(t *testing.T, open Open) {
	tr, received := open(t, nil)
	var opts []opentracing.StartSpanOption
	names := []string{"batch"}
	for i := range 4 {
		message := tr.StartSpan(fmt.Sprint("message ", i))
		message.Finish()
		ref := opentracing.FollowsFrom
		if i == 3 {
			ref = opentracing.ChildOf
		}
		opts = append(opts, ref(message.Context()))
		names = append(names, fmt.Sprint("message ", i))
	}
	tr.StartSpan("batch", opts...).Finish()
	have := byName(t, received(), names...)
	isChild(t, have["batch"], have["message 3"])
	var links []string
	for i := range 3 {
		m := have[fmt.Sprint("message ", i)]
		links = append(links, fmt.Sprintf("follows_from:%v:%v", m.TraceID, m.ID))
	}
	want := strings.Join(links, ",")
	if tag := have["batch"].Tags["opentracing.references"]; tag != want {
		t.Errorf("have references %q, want %q", tag, want)
	}
}
