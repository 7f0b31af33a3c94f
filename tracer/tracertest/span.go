package tracertest

import (
	"errors"
	"fmt"
	"math"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/opentracing/opentracing-go/log"
	"github.com/openzipkin/zipkin-go/model"
)

func checkIdentity(t *testing.T, open Open) {
	tr, received := open(t, nil)
	root := tr.StartSpan("root")
	child := tr.StartSpan("child", opentracing.ChildOf(root.Context()))
	child.Finish()
	root.SetOperationName("renamed").Finish()
	trace, span := ids(tr, root.Context())
	have := byName(t, received(), "renamed", "child")
	r := have["renamed"]
	if r.TraceID.String() != trace || r.ID.String() != span || r.TraceID.High == 0 {
		t.Errorf("have span %v of trace %v, want %s of %s, with 128 bits",
			r.ID, r.TraceID, span, trace)
	}
	isRoot(t, r)
	isChild(t, have["child"], r)
	for _, s := range have {
		if s.LocalEndpoint == nil || s.LocalEndpoint.ServiceName != "books" ||
			s.Kind != model.Undetermined || s.RemoteEndpoint != nil {
			t.Errorf("have %+v, want service books, no kind and no peer", s)
		}
	}
}

// checkKindsAndPeers sets kind and peer at the start and later, with each supported type.
func checkKindsAndPeers(t *testing.T, open Open) {
	type tags = opentracing.Tags
	tests := map[string]struct {
		tags tags
		kind model.Kind
		peer model.Endpoint
	}{
		"client": {
			tags{"span.kind": "client", "peer.service": "a", "peer.address": "10.0.0.1:80"},
			model.Client, model.Endpoint{ServiceName: "a", IPv4: net.IPv4(10, 0, 0, 1), Port: 80},
		},
		"server": {
			tags{"span.kind": ext.SpanKindRPCServerEnum,
				"peer.address": &net.TCPAddr{IP: net.IPv6loopback, Port: 81}},
			model.Server, model.Endpoint{IPv6: net.IPv6loopback, Port: 81},
		},
		"producer": {
			tags{"span.kind": "PRODUCER", "peer.service": "b", "peer.ipv4": "10.0.0.2",
				"peer.port": "82"},
			model.Producer, model.Endpoint{ServiceName: "b", IPv4: net.IPv4(10, 0, 0, 2), Port: 82},
		},
		"consumer": {
			tags{"span.kind": "consumer", "peer.service": "c", "peer.ipv4": uint32(10<<24 | 3),
				"peer.port": uint16(83)},
			model.Consumer, model.Endpoint{ServiceName: "c", IPv4: net.IPv4(10, 0, 0, 3), Port: 83},
		},
		"int": {
			tags{"span.kind": "client", "peer.service": "d", "peer.ipv6": "fe80::1",
				"peer.port": 84},
			model.Client, model.Endpoint{ServiceName: "d", IPv6: net.ParseIP("fe80::1"), Port: 84},
		},
		"int64": {
			tags{"span.kind": "client", "peer.ipv6": net.ParseIP("fe80::2"),
				"peer.port": int64(85)},
			model.Client, model.Endpoint{IPv6: net.ParseIP("fe80::2"), Port: 85},
		},
	}
	tr, received := open(t, nil)
	var names []string
	for name, test := range tests {
		tr.StartSpan(name+" early", test.tags).Finish()
		late := tr.StartSpan(name + " late")
		for k, v := range test.tags {
			late.SetTag(k, v)
		}
		late.Finish()
		names = append(names, name+" early", name+" late")
	}
	for name, s := range byName(t, received(), names...) {
		want := tests[strings.Fields(name)[0]]
		if s.Kind != want.kind || s.RemoteEndpoint == nil {
			t.Errorf("%s: have kind %q and peer %v, want %q and %v",
				name, s.Kind, s.RemoteEndpoint, want.kind, want.peer)
			continue
		}
		same := cmp.Comparer(func(a, b net.IP) bool { return a.Equal(b) || len(a)+len(b) == 0 })
		if diff := cmp.Diff(want.peer, *s.RemoteEndpoint, same); diff != "" {
			t.Errorf("%s: peer: -want +have\n%s", name, diff)
		}
	}
}

func checkErrors(t *testing.T, open Open) {
	tests := map[string]struct {
		set  func(opentracing.Span)
		want string // the tag; empty if there must be none
	}{
		"none":          {func(opentracing.Span) {}, ""},
		"false":         {func(s opentracing.Span) { ext.Error.Set(s, false) }, ""},
		"false as text": {func(s opentracing.Span) { s.SetTag("error", "false") }, ""},
		"true":          {func(s opentracing.Span) { ext.Error.Set(s, true) }, "true"},
		"true, then false": {
			func(s opentracing.Span) { s.SetTag("error", true).SetTag("error", false) }, ""},
		"text": {func(s opentracing.Span) { s.SetTag("error", "no paper") }, "no paper"},
		"logged": {
			func(s opentracing.Span) { ext.LogError(s, errors.New("disk full")) }, "disk full"},
		"logged, no tag": {
			func(s opentracing.Span) { s.LogFields(log.Error(errors.New("retried"))) }, ""},
	}
	tr, received := open(t, nil)
	var names []string
	for name, test := range tests {
		s := tr.StartSpan(name)
		test.set(s)
		s.Finish()
		names = append(names, name)
	}
	for name, s := range byName(t, received(), names...) {
		have, ok := s.Tags["error"]
		if want := tests[name].want; have != want || ok != (want != "") {
			t.Errorf("%s: have error tag %q (present: %v), want %q", name, have, ok, want)
		}
	}
}

func checkLogs(t *testing.T, open Open) {
	tr, received := open(t, nil)
	s := tr.StartSpan("logs")
	s.LogFields(log.String("event", "retry"), log.Int("try", 2), log.Bool("last", false))
	s.LogKV("event", "sent")
	at := time.Now().Add(time.Millisecond).Truncate(time.Microsecond)
	fields := []log.Field{log.String("k", "v"), log.Object("pair", []int{1, 2})}
	s.FinishWithOptions(opentracing.FinishOptions{
		FinishTime: at.Add(time.Second),
		LogRecords: []opentracing.LogRecord{{Timestamp: at, Fields: fields}},
	})
	have := one(t, received()).Annotations
	want := []string{"event=retry try=2 last=false", "sent", "k=v pair=[1 2]"}
	if len(have) != len(want) {
		t.Fatalf("have annotations %v, want %v", have, want)
	}
	for i := range want {
		if have[i].Value != want[i] {
			t.Errorf("have annotation %q, want %q", have[i].Value, want[i])
		}
	}
	if !have[2].Timestamp.Equal(at) {
		t.Errorf("have the last annotation at %v, want %v", have[2].Timestamp, at)
	}
}

func checkOnce(t *testing.T, open Open) {
	tr, received := open(t, nil)
	s := tr.StartSpan("once").SetTag("k", "v")
	s.FinishWithOptions(opentracing.FinishOptions{})
	s.SetTag("k", "late").SetTag("late", true).SetTag("error", true).SetOperationName("late")
	s.LogKV("event", "late")
	s.Finish()
	have := one(t, received())
	if have.Name != "once" || !cmp.Equal(have.Tags, map[string]string{"k": "v"}) ||
		len(have.Annotations) != 0 {
		t.Errorf("have %q with tags %v and annotations %v, want the span as of the first Finish",
			have.Name, have.Tags, have.Annotations)
	}
}

func checkTimes(t *testing.T, open Open) {
	tr, received := open(t, nil)
	start := time.Now().Add(-time.Hour).Truncate(time.Microsecond)
	tests := map[string]struct{ end, want time.Duration }{ // since start
		"hour":         {time.Hour, time.Hour},
		"before start": {-time.Hour, time.Microsecond},
		"at start":     {0, time.Microsecond},
	}
	names := []string{"year 1"}
	for name, test := range tests {
		tr.StartSpan(name, opentracing.StartTime(start)).
			FinishWithOptions(opentracing.FinishOptions{FinishTime: start.Add(test.end)})
		names = append(names, name)
	}
	tr.StartSpan("year 1", opentracing.StartTime(time.Time{}.Add(time.Second))).Finish()
	have := byName(t, received(), names...)
	for name, test := range tests {
		if s := have[name]; s.Duration != test.want || !s.Timestamp.Equal(start) {
			t.Errorf("%s: have %v from %v, want %v from %v",
				name, s.Duration, s.Timestamp, test.want, start)
		}
	}
	if s := have["year 1"]; time.Since(s.Timestamp) > time.Hour {
		t.Errorf("have start %v for one that Zipkin cannot express, want the current time",
			s.Timestamp)
	}
}

func checkReferences(t *testing.T, open Open) {
	tr, received := open(t, nil)
	a, b := tr.StartSpan("a"), tr.StartSpan("b")
	foreign := opentracing.NoopTracer{}.StartSpan("x").Context()
	tr.StartSpan("child", opentracing.FollowsFrom(b.Context()), opentracing.ChildOf(foreign),
		opentracing.ChildOf(nil), opentracing.SpanReference{}, opentracing.ChildOf(a.Context()),
		opentracing.ChildOf(b.Context())).Finish()
	tr.StartSpan("follower", opentracing.FollowsFrom(foreign),
		opentracing.FollowsFrom(b.Context()), opentracing.FollowsFrom(a.Context())).Finish()
	tr.StartSpan("foreign", opentracing.ChildOf(foreign)).Finish()
	a.Finish()
	b.Finish()
	have := byName(t, received(), "a", "b", "child", "follower", "foreign")
	isChild(t, have["child"], have["a"])
	isChild(t, have["follower"], have["b"])
	isRoot(t, have["foreign"])
	for name, want := range map[string]string{"child": "", "follower": "follows_from"} {
		if tag := have[name].Tags["opentracing.ref_type"]; tag != want {
			t.Errorf("%s: have opentracing.ref_type %q, want %q", name, tag, want)
		}
	}
}

func checkAbsurdInput(t *testing.T, open Open) {
	tr, received := open(t, nil)
	tr.StartSpan("good").Finish()
	tr.StartSpan("").Finish()
	tr.StartSpan("\xff\xfe").SetTag("\xff", "\xfe\x00").SetTag("", "").SetTag("nil", nil).Finish()
	tr.StartSpan(strings.Repeat("long", 1<<18)).SetTag("big", strings.Repeat("é", 1<<20)).
		SetTag(strings.Repeat("k", 1<<20), 1).Finish()
	many := tr.StartSpan("many")
	for i := range 10000 {
		many.SetTag(fmt.Sprint("tag", i), i)
		many.LogKV("event", i)
	}
	many.Finish()
	odd := tr.StartSpan("odd")
	odd.SetTag("nan", math.NaN()).SetTag("func", func() {}).SetTag("panics", panics{})
	odd.SetTag("error", panics{}).SetTag("peer.port", -1).SetTag("peer.ipv4", "nowhere")
	odd.SetTag("span.kind", "none").SetTag("peer.address", struct{}{})
	odd.LogKV("odd")
	odd.LogFields()
	odd.LogFields(log.Object("panics", panics{}),
		log.Lazy(func(fv log.Encoder) { fv.EmitString("lazy", "done") }))
	odd.Finish()
	tr.StartSpan("also good").Finish()
	spans := received()
	if len(spans) != 7 {
		t.Errorf("have %d spans, want 7", len(spans))
	}
	good := 0
	for _, s := range spans {
		size := len(s.Name)
		for k, v := range s.Tags {
			size += len(k) + len(v)
		}
		for _, a := range s.Annotations {
			size += len(a.Value)
		}
		if size > 1<<20 || len(s.Tags) > 129 || len(s.Annotations) > 128 {
			t.Errorf("%.20q: have %d bytes, %d tags and %d annotations, want them truncated",
				s.Name, size, len(s.Tags), len(s.Annotations))
		}
		if strings.HasSuffix(s.Name, "good") {
			good++
		}
	}
	if good != 2 {
		t.Errorf("have %d of the 2 good spans", good)
	}
}

type panics struct{}

func (panics) String() string { panic("String") }
