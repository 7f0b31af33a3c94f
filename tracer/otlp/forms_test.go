package otlp_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/opentracing/opentracing-go/log"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/testing/protocmp"
)

// TestEveryFurtherReferenceIsALink starts spans with several references, to spans of this process
// and of others. Each that is not the parent is a link, in order, with its type and tracestate.
func TestEveryFurtherReferenceIsALink(t *testing.T) {
	const remote = 0xa2fb4a1d1a96d312
	link := func(id []byte, trace []byte, kind string) *tracepb.Span_Link {
		return &tracepb.Span_Link{
			TraceId: trace, SpanId: id,
			Attributes: []*commonpb.KeyValue{kv("opentracing.ref_type", kind)},
		}
	}
	spans := exported(t, func(tr opentracing.Tracer) {
		sc, err := tr.Extract(opentracing.TextMap, opentracing.TextMapCarrier{
			"traceparent": fmt.Sprintf("00-%s-%016x-01", trace128, uint64(remote)),
			"tracestate":  "a=b",
		})
		if err != nil {
			t.Fatal(err)
		}
		a, b, c := tr.StartSpan("a"), tr.StartSpan("b"), tr.StartSpan("c")
		follows, child := opentracing.FollowsFrom, opentracing.ChildOf
		tr.StartSpan("batch", follows(a.Context()), follows(b.Context()), follows(sc),
			follows(nil), follows(opentracing.NoopTracer{}.StartSpan("x").Context())).Finish()
		tr.StartSpan("join", follows(a.Context()), child(b.Context()), child(c.Context()),
			child(b.Context())).Finish()
		tr.StartSpan("child", child(a.Context())).Finish()
		many := []opentracing.StartSpanOption{child(a.Context())}
		for range 200 {
			many = append(many, follows(b.Context()))
		}
		tr.StartSpan("many", many...).Finish()
		for _, s := range []opentracing.Span{a, b, c} {
			s.Finish()
		}
	})
	byName := map[string]*tracepb.Span{}
	for _, s := range spans {
		byName[s.GetName()] = s
	}
	a, b, c := byName["a"], byName["b"], byName["c"]
	ofRemote := link(bytesOf(fmt.Sprintf("%x", uint64(remote))), bytesOf(trace128), "follows_from")
	ofRemote.TraceState = "a=b"
	for name, want := range map[string][]*tracepb.Span_Link{
		"batch": {link(b.GetSpanId(), b.GetTraceId(), "follows_from"), ofRemote},
		"join": {link(a.GetSpanId(), a.GetTraceId(), "follows_from"),
			link(c.GetSpanId(), c.GetTraceId(), "child_of")},
		"child": nil,
		"many": slices.Repeat([]*tracepb.Span_Link{
			link(b.GetSpanId(), b.GetTraceId(), "follows_from")}, 128),
	} {
		if diff := cmp.Diff(want, byName[name].GetLinks(), protocmp.Transform()); diff != "" {
			t.Errorf("%s: -want +have\n%s", name, diff)
		}
		for _, attribute := range byName[name].GetAttributes() {
			if key := attribute.GetKey(); key != "opentracing.ref_type" {
				t.Errorf("%s: have attribute %s beside the links", name, key)
			}
		}
	}
	if n := byName["many"].GetDroppedLinksCount(); n != 72 {
		t.Errorf("have %d links counted as dropped, want 72", n)
	}
}

// TestLogsBeyondTheLimitAreCounted logs more than a span keeps.
func TestLogsBeyondTheLimitAreCounted(t *testing.T) {
	spans := exported(t, func(tr opentracing.Tracer) {
		s := tr.StartSpan("call")
		for range 1000 {
			s.LogKV("event", "x")
		}
		s.Finish()
	})
	s := spans[0]
	if n := len(s.GetEvents()); n != 128 || s.GetDroppedEventsCount() != 872 ||
		len(s.GetAttributes()) != 0 {
		t.Errorf("have %d events, %d dropped and attributes %v, want 128, 872 and none",
			n, s.GetDroppedEventsCount(), s.GetAttributes())
	}
}

// TestEveryExceptionHasATypeAndAMessage logs errors as instrumentation does. Each event has the
// name and the attributes of OpenTelemetry's exceptions.
func TestEveryExceptionHasATypeAndAMessage(t *testing.T) {
	failure := &fs.PathError{Op: "open", Path: "books", Err: fs.ErrNotExist}
	var none *fs.PathError
	for name, test := range map[string]struct {
		log       func(opentracing.Span)
		typ, text string // empty if the event is no exception
	}{
		"ext.LogError": {func(s opentracing.Span) { ext.LogError(s, failure) },
			"*fs.PathError", "open books: file does not exist"},
		"error.object alone": {func(s opentracing.Span) { s.LogFields(log.Error(failure)) },
			"*fs.PathError", "open books: file does not exist"},
		"message": {func(s opentracing.Span) {
			s.LogFields(log.String("event", "error"), log.String("message", "no table"))
		}, "error", "no table"},
		"error of older OpenTracing": {func(s opentracing.Span) {
			s.LogKV("event", "error", "error", errors.New("no table"))
		}, "*errors.errorString", "no table"},
		"error as a text": {func(s opentracing.Span) {
			s.LogKV("event", "error", "error", "no table")
		}, "error", "no table"},
		"error=true and a message": {func(s opentracing.Span) {
			s.LogKV("event", "error", "error", true, "message", "no table")
		}, "error", "no table"},
		"err": {func(s opentracing.Span) { s.LogKV("event", "error", "err", "no table") },
			"error", "no table"},
		"payload": {func(s opentracing.Span) {
			s.(interface{ LogEventWithPayload(string, any) }).
				LogEventWithPayload("error", errors.New("no table"))
		}, "*errors.errorString", "no table"},
		"kind alone": {func(s opentracing.Span) {
			s.LogKV("event", "error", "error.kind", "TimeoutError")
		}, "TimeoutError", "TimeoutError"},
		"event alone": {func(s opentracing.Span) { s.LogKV("event", "error") }, "error", "error"},
		"nil": {func(s opentracing.Span) { s.LogKV("event", "error", "error.object", none) },
			"error", "error"},
		"an error of a retry": {func(s opentracing.Span) {
			s.LogKV("event", "retry", "error.object", failure)
		}, "", ""},
		"no error": {func(s opentracing.Span) { s.LogKV("message", "m") }, "", ""},
	} {
		spans := exported(t, func(tr opentracing.Tracer) {
			s := tr.StartSpan("call")
			test.log(s)
			s.Finish()
		})
		e := spans[0].GetEvents()[0]
		have := map[string]string{}
		for _, a := range e.GetAttributes() {
			have[a.GetKey()] = a.GetValue().GetStringValue()
		}
		exception := e.GetName() == "exception"
		if exception != (test.typ != "") || have["exception.type"] != test.typ ||
			have["exception.message"] != test.text {
			t.Errorf("%s: have event %s with %v, want type %q and message %q",
				name, e.GetName(), have, test.typ, test.text)
		}
	}
}

// TestPeersInEveryForm sets the peer in the forms of instrumentation.
func TestPeersInEveryForm(t *testing.T) {
	type tags = opentracing.Tags
	ip6 := net.ParseIP("2001:db8::1")
	client := func(more ...any) (all kvs) {
		for i := 0; i < len(more); i += 2 {
			all = append(all, kv(more[i].(string), more[i+1]))
		}
		return all
	}
	for name, test := range map[string]struct {
		tags tags
		want kvs // in any order
	}{
		"hostname that is an IPv4 address": {tags{"peer.hostname": "10.0.0.1"},
			client("network.peer.address", "10.0.0.1")},
		"hostname that is an IPv6 address": {tags{"peer.hostname": "2001:db8::1", "peer.port": 80},
			client("network.peer.address", "2001:db8::1", "network.peer.port", 80)},
		"hostname in brackets": {tags{"peer.hostname": "[::1]"},
			client("network.peer.address", "::1")},
		"hostname": {tags{"peer.hostname": "books.example", "peer.port": "80"},
			client("peer.hostname", "books.example", "server.address", "books.example",
				"server.port", 80)},
		"hostname of a caller": {tags{"peer.hostname": "shop", "span.kind": "server"},
			client("peer.hostname", "shop", "client.address", "shop")},
		"hostname and address": {tags{"peer.hostname": "books", "peer.ipv4": "10.0.0.1",
			"peer.port": 80}, client("peer.hostname", "books", "server.address", "books",
			"server.port", 80, "network.peer.address", "10.0.0.1", "network.peer.port", 80)},
		"address without a port": {tags{"peer.address": "10.0.0.1"},
			client("network.peer.address", "10.0.0.1")},
		"IPv6 address without a port": {tags{"peer.address": "2001:db8::1"},
			client("network.peer.address", "2001:db8::1")},
		"IPv6 address with a port": {tags{"peer.address": "[2001:db8::1]:80"},
			client("network.peer.address", "2001:db8::1", "network.peer.port", 80)},
		"net.TCPAddr": {tags{"peer.address": &net.TCPAddr{IP: ip6, Port: 80}},
			client("network.peer.address", "2001:db8::1", "network.peer.port", 80)},
		"net.IPAddr": {tags{"peer.address": &net.IPAddr{IP: ip6}},
			client("network.peer.address", "2001:db8::1")},
		"net.IP": {tags{"peer.address": ip6}, client("network.peer.address", "2001:db8::1")},
		"a name": {tags{"peer.address": "books"},
			client("peer.address", "books", "server.address", "books")},
		"a name with the name of a port": {tags{"peer.address": "books:http"},
			client("peer.address", "books:http", "server.address", "books")},
		"JDBC": {tags{"peer.address": "mysql://prod-db:3306"},
			client("peer.address", "mysql://prod-db:3306", "server.address", "prod-db",
				"server.port", 3306)},
		"a URL with a user and a path": {tags{"peer.address": "postgres://u@db:5432/books?a=b@c"},
			client("peer.address", "postgres://u@db:5432/books?a=b@c", "server.address", "db",
				"server.port", 5432)},
		"a URL with an IP address": {tags{"peer.address": "http://10.0.0.1:80/x"},
			client("peer.address", "http://10.0.0.1:80/x", "network.peer.address", "10.0.0.1",
				"network.peer.port", 80)},
		"a target of gRPC": {tags{"peer.address": "dns:///books:50051"},
			client("peer.address", "dns:///books:50051", "server.address", "books",
				"server.port", 50051)},
		"a socket": {tags{"peer.address": "unix:///run/books.sock"},
			client("peer.address", "unix:///run/books.sock",
				"server.address", "unix:///run/books.sock")},
		"port alone": {tags{"peer.port": 80}, client("network.peer.port", 80)},
		"OpenTelemetry's own": {tags{"server.address": "own", "peer.hostname": "books"},
			client("peer.hostname", "books", "server.address", "own")},
		"nil": {tags{"peer.service": (*string)(nil), "peer.address": (*net.TCPAddr)(nil)},
			client("peer.address", "<nil>")},
	} {
		spans := exported(t, func(tr opentracing.Tracer) {
			tr.StartSpan("call", test.tags).Finish()
		})
		have := spans[0].GetAttributes()
		for _, all := range []kvs{have, test.want} {
			slices.SortFunc(all, func(a, b *commonpb.KeyValue) int {
				return strings.Compare(a.GetKey(), b.GetKey())
			})
		}
		if diff := cmp.Diff(test.want, have, protocmp.Transform()); diff != "" {
			t.Errorf("%s: -want +have\n%s", name, diff)
		}
	}
}
