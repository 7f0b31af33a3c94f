package tracer_test

import (
	"errors"
	"fmt"
	"math"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/openzipkin/zipkin-go/model"
)

// named types, with and without a method String.
type (
	myInt    int16
	myUint   uint32
	myString string
	shelf    int
)

func (s shelf) String() string { return fmt.Sprintf("shelf %d", int(s)) }

// badAddr is an address whose method String panics.
type badAddr struct{}

func (badAddr) Network() string { return "bad" }
func (badAddr) String() string  { panic("bad") }

// TestTagsOfEveryType checks the text of tags.
func TestTagsOfEveryType(t *testing.T) {
	var nilAddr *net.TCPAddr
	tr, spans := memory(t, nil)
	want := map[string]string{}
	s := tr.StartSpan("call")
	for i, test := range []struct {
		value any
		want  string
	}{
		{"text", "text"}, {"", ""}, {nil, ""}, {true, "true"}, {false, "false"},
		{-1, "-1"}, {int8(-2), "-2"}, {int16(-3), "-3"}, {int32(-4), "-4"},
		{int64(math.MinInt64), "-9223372036854775808"}, {uint(1), "1"}, {uint8(2), "2"},
		{uint16(3), "3"}, {uint32(4), "4"}, {uint64(math.MaxUint64), "18446744073709551615"},
		{float32(0.1), "0.1"}, {0.1, "0.1"}, {1e21, "1e+21"}, {math.NaN(), "NaN"},
		{myInt(5), "5"}, {myUint(6), "6"}, {myString("mine"), "mine"}, {shelf(7), "shelf 7"},
		{time.Second, "1s"}, {errors.New("no paper"), "no paper"}, {[]int{1, 2}, "[1 2]"},
		{&net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 80}, "10.0.0.1:80"}, {nilAddr, "<nil>"},
		{badAddr{}, "%!v(PANIC=String method: bad)"}, {net.Addr(nil), ""},
		{struct{ A int }{1}, "{1}"},
	} {
		key := fmt.Sprint("k", i)
		want[key] = test.want
		s.SetTag(key, test.value)
	}
	s.Finish()
	if diff := cmp.Diff(want, spans.Spans()[0].Tags); diff != "" {
		t.Errorf("-want +have\n%s", diff)
	}
}

// TestPeersOfEveryType sets the tags of OpenTracing that describe the peer. Tags that do not
// describe one are sent as tags.
func TestPeersOfEveryType(t *testing.T) {
	ip4, ip6 := net.IPv4(10, 0, 0, 1), net.ParseIP("2001:db8::1")
	ports := opentracing.Tags{}
	for i, port := range []any{
		80, int8(80), int16(80), int32(80), int64(80), uint(80), uint8(80), uint16(80), uint32(80),
		uint64(80), "80", myInt(80), myUint(80), myString("80"),
	} {
		ports[fmt.Sprint(i)] = port
	}
	for name, port := range ports {
		peer, tags := peerOf(t, opentracing.Tags{"peer.port": port})
		if peer == nil || peer.Port != 80 || len(tags) != 0 {
			t.Errorf("port %s, %T: have %+v and tags %v, want 80", name, port, peer, tags)
		}
	}
	for name, test := range map[string]struct {
		tags opentracing.Tags
		want model.Endpoint
		rest map[string]string
	}{
		"IPv4": {opentracing.Tags{"peer.ipv4": "10.0.0.1"}, model.Endpoint{IPv4: ip4}, nil},
		"IPv4 as a number": {opentracing.Tags{"peer.ipv4": uint32(0x0a000001)},
			model.Endpoint{IPv4: ip4}, nil},
		"IPv4 as net.IP": {opentracing.Tags{"peer.ipv4": ip4}, model.Endpoint{IPv4: ip4}, nil},
		"IPv6": {opentracing.Tags{"peer.ipv6": "2001:db8::1"},
			model.Endpoint{IPv6: ip6}, nil},
		"IPv4 in peer.ipv6": {opentracing.Tags{"peer.ipv6": "::ffff:10.0.0.1"},
			model.Endpoint{IPv4: ip4}, nil},
		"mapped IPv4 with a port": {opentracing.Tags{"peer.address": "[::ffff:10.0.0.1]:80"},
			model.Endpoint{IPv4: ip4, Port: 80}, nil},
		"address": {opentracing.Tags{"peer.address": &net.TCPAddr{IP: ip6, Port: 80}},
			model.Endpoint{IPv6: ip6, Port: 80}, nil},
		"another net.Addr": {opentracing.Tags{"peer.address": &net.UDPAddr{IP: ip4, Port: 80}},
			model.Endpoint{IPv4: ip4, Port: 80}, nil},
		"port 0": {opentracing.Tags{"peer.port": 0, "peer.service": "b"},
			model.Endpoint{ServiceName: "b"}, nil},
		"largest port": {opentracing.Tags{"peer.port": 65535}, model.Endpoint{Port: 65535}, nil},
		"service that is no text": {opentracing.Tags{"peer.service": 7},
			model.Endpoint{ServiceName: "7"}, nil},
		"name with a port": {opentracing.Tags{"peer.address": "books:80", "peer.service": "b"},
			model.Endpoint{ServiceName: "b", Port: 80},
			map[string]string{"peer.address": "books:80"}},
		"not an address": {opentracing.Tags{"peer.address": "books/80", "peer.service": "b"},
			model.Endpoint{ServiceName: "b"}, map[string]string{"peer.address": "books/80"}},
		"not an IP address": {opentracing.Tags{"peer.ipv4": "books", "peer.service": "b"},
			model.Endpoint{ServiceName: "b"}, map[string]string{"peer.ipv4": "books"}},
		"port too large": {opentracing.Tags{"peer.port": 65536, "peer.service": "b"},
			model.Endpoint{ServiceName: "b"}, map[string]string{"peer.port": "65536"}},
		"port too small": {opentracing.Tags{"peer.port": -1, "peer.service": "b"},
			model.Endpoint{ServiceName: "b"}, map[string]string{"peer.port": "-1"}},
		"hostname": {opentracing.Tags{"peer.hostname": "h", "peer.service": "b"},
			model.Endpoint{ServiceName: "b"}, map[string]string{"peer.hostname": "h"}},
	} {
		peer, tags := peerOf(t, test.tags)
		if peer == nil || !cmp.Equal(test.want, *peer, sameEndpoint) ||
			len(tags) != len(test.rest) {
			t.Errorf("%s: have %+v and tags %v, want %+v and %v",
				name, peer, tags, test.want, test.rest)
		}
		if diff := cmp.Diff(test.rest, tags); test.rest != nil && diff != "" {
			t.Errorf("%s: tags: -want +have\n%s", name, diff)
		}
	}
}

// peerOf returns peer and tags of a span with these tags.
func peerOf(t *testing.T, tags opentracing.Tags) (*model.Endpoint, map[string]string) {
	t.Helper()
	tr, spans := memory(t, nil)
	tr.StartSpan("call", tags).Finish()
	s := spans.Spans()[0]
	return s.RemoteEndpoint, s.Tags
}

// TestKindsInAnyCase sets span.kind. Another value is a tag.
func TestKindsInAnyCase(t *testing.T) {
	for kind, want := range map[any]model.Kind{
		"client": model.Client, "SERVER": model.Server, "Producer": model.Producer,
		ext.SpanKindConsumerEnum: model.Consumer, "internal": "", "": "", 1: "",
	} {
		tr, spans := memory(t, nil)
		tr.StartSpan("call").SetTag("span.kind", kind).Finish()
		s := spans.Spans()[0]
		_, tagged := s.Tags["span.kind"]
		if s.Kind != want || tagged != (want == "") {
			t.Errorf("%v: have kind %q and tags %v, want %q", kind, s.Kind, s.Tags, want)
		}
	}
}

// TestErrorTagsAndLoggedErrors sets the tag error and logs errors in different orders.
func TestErrorTagsAndLoggedErrors(t *testing.T) {
	type span = opentracing.Span
	tag := func(s span, value any) { s.SetTag("error", value) }
	logged := func(s span, text string) {
		s.LogKV("event", "error", "error.object", errors.New(text))
	}
	for name, test := range map[string]struct {
		set  func(span)
		want string
	}{
		"logged before":     {func(s span) { logged(s, "a"); tag(s, true) }, "a"},
		"logged after":      {func(s span) { tag(s, true); logged(s, "a") }, "a"},
		"the last logged":   {func(s span) { logged(s, "a"); logged(s, "b"); tag(s, true) }, "b"},
		"text before true":  {func(s span) { tag(s, "x"); tag(s, true) }, "true"},
		"true before text":  {func(s span) { tag(s, true); tag(s, "x") }, "x"},
		"text and logged":   {func(s span) { tag(s, "x"); logged(s, "a") }, "x"},
		"text before false": {func(s span) { tag(s, "x"); tag(s, false) }, ""},
		"true as text":      {func(s span) { tag(s, "true"); logged(s, "a") }, "a"},
		"an error":          {func(s span) { tag(s, errors.New("e")) }, "e"},
		"empty":             {func(s span) { tag(s, "") }, ""},
	} {
		tr, spans := memory(t, nil)
		s := tr.StartSpan("call")
		test.set(s)
		s.Finish()
		have, ok := spans.Spans()[0].Tags["error"]
		if have != test.want || ok != (test.want != "") {
			t.Errorf("%s: have %q (present: %v), want %q", name, have, ok, test.want)
		}
	}
}

// TestStartOptionsOfUnknownTypes starts spans with an option that is not OpenTracing's own. No
// later span sees its tags, references and start time.
func TestStartOptionsOfUnknownTypes(t *testing.T) {
	tr, spans := memory(t, nil)
	root, start := tr.StartSpan("root"), time.Unix(1700000000, 0)
	for range 2 {
		tr.StartSpan("with", startOption(func(o *opentracing.StartSpanOptions) {
			o.StartTime = start
			o.Tags["k"] = "v"
			o.References = append(o.References, opentracing.SpanReference{
				Type: opentracing.ChildOfRef, ReferencedContext: root.Context(),
			})
		})).Finish()
		tr.StartSpan("without", startOption(func(*opentracing.StartSpanOptions) {}), nil).Finish()
	}
	for _, s := range spans.Spans() {
		with := s.Name == "with"
		if (s.Tags["k"] == "v") != with || (s.ParentID != nil) != with ||
			s.Timestamp.Equal(start) != with {
			t.Errorf("%s: have tags %v, parent %v and start %v",
				s.Name, s.Tags, s.ParentID, s.Timestamp)
		}
	}
	off := startOption(func(o *opentracing.StartSpanOptions) { o.Tags["sampling.priority"] = 0 })
	tr.StartSpan("off", off).Finish()
	if have := len(spans.Spans()); have != 4 {
		t.Errorf("have %d spans, want the last one not sampled", have)
	}
}

// A startOption is a StartSpanOption of a type that the tracer does not know.
type startOption func(*opentracing.StartSpanOptions)

func (f startOption) Apply(o *opentracing.StartSpanOptions) { f(o) }
