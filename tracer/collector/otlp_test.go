package collector_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

func stringValue(s string) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: s}}
}

func intValue(n int64) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: n}}
}

func listValue(values ...*commonpb.AnyValue) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{
		ArrayValue: &commonpb.ArrayValue{Values: values},
	}}
}

// attributes returns attributes of names and values, which are texts or of OTLP's type.
func attributes(pairs ...any) []*commonpb.KeyValue {
	var all []*commonpb.KeyValue
	for i := 0; i < len(pairs); i += 2 {
		value, ok := pairs[i+1].(*commonpb.AnyValue)
		if !ok {
			value = stringValue(pairs[i+1].(string))
		}
		all = append(all, &commonpb.KeyValue{Key: pairs[i].(string), Value: value})
	}
	return all
}

func otlpBody(t *testing.T, resource []*commonpb.KeyValue, spans ...*tracepb.Span) string {
	t.Helper()
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource: &resourcepb.Resource{Attributes: resource},
		ScopeSpans: []*tracepb.ScopeSpans{{
			Scope: &commonpb.InstrumentationScope{Name: "lib", Version: "v1"}, Spans: spans,
		}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

const protobufType = "application/x-protobuf"

// OTLP's spans become Zipkin's as OpenTelemetry's specification of the mapping says.
func TestOTLPIsMappedToZipkin(t *testing.T) {
	const prefix = `[{"traceId":"0102030405060708090a0b0c0d0e0f10",`
	const own = `"id":"7370616e5f5f5f31"`
	const scope = `"otel.scope.name":"lib","otel.scope.version":"v1"`
	id := []byte("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10")
	boolean := &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: true}}
	list := listValue(stringValue(`a"b`), intValue(1),
		&commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: 2.5}},
		boolean, &commonpb.AnyValue{})
	fields := &commonpb.AnyValue{Value: &commonpb.AnyValue_KvlistValue{
		KvlistValue: &commonpb.KeyValueList{Values: attributes("k", "v", "n", intValue(2))},
	}}
	raw := &commonpb.AnyValue{Value: &commonpb.AnyValue_BytesValue{BytesValue: []byte("bytes")}}
	const failed = tracepb.Status_STATUS_CODE_ERROR
	const client = tracepb.Span_SPAN_KIND_CLIENT
	service := attributes("service.name", "Shop")
	const local = `"localEndpoint":{"serviceName":"shop"},`
	for name, test := range map[string]struct {
		resource []*commonpb.KeyValue
		span     *tracepb.Span
		want     string // after the trace id
	}{
		"all": {
			attributes("service.name", "Shop", "service.namespace", "n", "host", "h"),
			&tracepb.Span{
				ParentSpanId: []byte("parentid"), Name: "GET /",
				Kind:              tracepb.Span_SPAN_KIND_SERVER,
				StartTimeUnixNano: 1_700_000_000_123_456_789,
				EndTimeUnixNano:   1_700_000_000_123_469_129,
				Attributes: attributes("b", "2", "host", "of the span",
					"peer.service", "other"),
				Events: []*tracepb.Span_Event{
					{TimeUnixNano: 1_700_000_000_123_460_000, Name: "plain"},
					{TimeUnixNano: 1_700_000_000_123_461_000, Name: "my-event",
						Attributes: attributes("key1", "value1", "n", intValue(2))},
				},
				Status:                 &tracepb.Status{Code: failed, Message: "no"},
				DroppedAttributesCount: 1, DroppedEventsCount: 2, DroppedLinksCount: 3,
				TraceState: "a=b",
				Links: []*tracepb.Span_Link{{
					TraceId: id, SpanId: []byte("linkspan"), TraceState: "c=d",
					Attributes: attributes("l", "1"),
				}},
			},
			`"parentId":"706172656e746964",` + own + `,"kind":"SERVER","name":"get /",` +
				`"timestamp":1700000000123456,"duration":12,` + local +
				`"annotations":[{"timestamp":1700000000123460,"value":"plain"},` +
				`{"timestamp":1700000000123461,` +
				`"value":"\"my-event\": {\"key1\":\"value1\",\"n\":2}"}],` +
				`"tags":{"b":"2","error":"no","host":"of the span",` +
				`"otel.dropped_attributes_count":"1",` +
				`"otel.dropped_events_count":"2","otel.dropped_links_count":"3",` + scope +
				`,"otel.status_code":"ERROR","otlp.link.0":"0102030405060708090a0b0c0d0e0f10|` +
				`6c696e6b7370616e|c=d|{\"l\":\"1\"}|0","peer.service":"other",` +
				`"service.namespace":"n",` +
				`"w3c.tracestate":"a=b"}}]`,
		},
		"values": {
			service, &tracepb.Span{
				StartTimeUnixNano: 5000, EndTimeUnixNano: 5000,
				Kind: tracepb.Span_SPAN_KIND_INTERNAL,
				Attributes: attributes("list", list, "map", fields, "raw", raw, "int", intValue(-7),
					"bool", boolean, "none", &commonpb.AnyValue{}, "double",
					&commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: 0.1}}),
			},
			own + `,"timestamp":5,"duration":1,` + local + `"tags":{"bool":"true",` +
				`"double":"0.1","int":"-7","list":"[\"a\\\"b\",1,2.5,true,null]",` +
				`"map":"{\"k\":\"v\",\"n\":2}","none":"",` + scope + `,"raw":"Ynl0ZXM="}}]`,
		},
		"no service": {
			nil, &tracepb.Span{StartTimeUnixNano: 5000, EndTimeUnixNano: 9000},
			own + `,"timestamp":5,"duration":4,` +
				`"localEndpoint":{"serviceName":"unknown_service"},"tags":{` + scope + `}}]`,
		},
		"no end": {
			service, &tracepb.Span{StartTimeUnixNano: 5000},
			own + `,"timestamp":5,` + local + `"tags":{` + scope + `}}]`,
		},
		"end before start": {
			service, &tracepb.Span{StartTimeUnixNano: 5000, EndTimeUnixNano: 1000},
			own + `,"timestamp":5,"duration":1,` + local + `"tags":{` + scope + `}}]`,
		},
		"status": {
			service, &tracepb.Span{
				Status:     &tracepb.Status{Code: tracepb.Status_STATUS_CODE_OK, Message: "unused"},
				Attributes: attributes("error", "false"),
			},
			own + `,` + local + `"tags":{` + scope + `,"otel.status_code":"OK"}}]`,
		},
		"status without message": {
			service, &tracepb.Span{Status: &tracepb.Status{Code: failed}},
			own + `,` + local + `"tags":{"error":"",` + scope +
				`,"otel.status_code":"ERROR"}}]`,
		},
		"remote service": {
			service, &tracepb.Span{Kind: client, Attributes: attributes(
				"db.name", "d", "server.address", "a", "peer.service", "Peer")},
			own + `,"kind":"CLIENT",` + local +
				`"remoteEndpoint":{"serviceName":"peer"},"tags":{"db.name":"d",` + scope +
				`,"peer.service":"Peer","server.address":"a"}}]`,
		},
		"remote address": {
			service, &tracepb.Span{Kind: client, Attributes: attributes(
				"network.peer.address", "10.1.2.3", "network.peer.port", intValue(80))},
			own + `,"kind":"CLIENT",` + local +
				`"remoteEndpoint":{"ipv4":"10.1.2.3","port":80},"tags":{` +
				`"network.peer.address":"10.1.2.3","network.peer.port":"80",` + scope + `}}]`,
		},
		"remote of a producer": {
			service, &tracepb.Span{Kind: tracepb.Span_SPAN_KIND_PRODUCER, Attributes: attributes(
				"net.peer.name", "Kafka")},
			own + `,"kind":"PRODUCER",` + local +
				`"remoteEndpoint":{"serviceName":"kafka"},` +
				`"tags":{"net.peer.name":"Kafka",` + scope + `}}]`,
		},
		"consumer": {
			service, &tracepb.Span{Kind: tracepb.Span_SPAN_KIND_CONSUMER},
			own + `,"kind":"CONSUMER",` + local + `"tags":{` + scope + `}}]`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, nil)
			test.span.TraceId, test.span.SpanId = id, []byte("span___1")
			resp, body := s.do("POST", "/v1/traces", otlpBody(t, test.resource, test.span),
				"Content-Type", protobufType)
			if resp.StatusCode != http.StatusOK || body != "" ||
				resp.Header.Get("Content-Type") != protobufType {
				t.Errorf("have %s %q of %s", resp.Status, body, resp.Header.Get("Content-Type"))
			}
			_, have := s.do("GET", "/api/v2/trace/0102030405060708090a0b0c0d0e0f10", "")
			if want := prefix + test.want; have != want {
				t.Errorf("have\n%s\nwant\n%s", have, want)
			}
		})
	}
}

// OTLP in JSON has hexadecimal ids, numbers as texts, and fields that are not known yet.
func TestOTLPInJSON(t *testing.T) {
	s := newServer(t, nil)
	resp, body := s.do("POST", "/zipkin/../v1/traces", "")
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("have %s %s for another path", resp.Status, body)
	}
	resp, body = s.do("POST", "/v1/traces", `{"resourceSpans":[{"resource":{"attributes":[
		{"key":"service.name","value":{"stringValue":"shop"}}]},"new":1,"scopeSpans":[{"spans":[{
		"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"eee19b7ec3c1b174",
		"parentSpanId":"eee19b7ec3c1b173","name":"I'm a server span","kind":2,
		"startTimeUnixNano":"1544712660000000000","endTimeUnixNano":"1544712661000000000",
		"attributes":[{"key":"n","value":{"intValue":"7"}}],"status":{"code":2},
		"links":[{"traceId":"5b8efff798038103d269b633813fc60c",
		"spanId":"eee19b7ec3c1b175"}]}]}]}]}`,
		"Content-Type", "application/json; charset=utf-8")
	if resp.StatusCode != http.StatusOK || body != "{}" ||
		resp.Header.Get("Content-Type") != "application/json" {
		t.Errorf("have %s %s, want 200 {}", resp.Status, body)
	}
	_, have := s.do("GET", "/api/v2/trace/5b8efff798038103d269b633813fc60c", "")
	want := `[{"traceId":"5b8efff798038103d269b633813fc60c","parentId":"eee19b7ec3c1b173",` +
		`"id":"eee19b7ec3c1b174","kind":"SERVER","name":"i'm a server span",` +
		`"timestamp":1544712660000000,"duration":1000000,"localEndpoint":{"serviceName":"shop"},` +
		`"tags":{"error":"","n":"7","otel.status_code":"ERROR","otlp.link.0":` +
		`"5b8efff798038103d269b633813fc60c|eee19b7ec3c1b175||{}|0"}}]`
	if have != want {
		t.Errorf("have\n%s\nwant\n%s", have, want)
	}
}

// Spans without valid ids are rejected by a partial success, as OTLP asks for, and counted.
func TestOTLPRejectsInvalidIDs(t *testing.T) {
	s := newServer(t, nil)
	good := &tracepb.Span{TraceId: []byte("0123456789abcdef"), SpanId: []byte("01234567")}
	short := &tracepb.Span{TraceId: []byte("0123456789abcde"), SpanId: []byte("01234567")}
	zero := &tracepb.Span{TraceId: make([]byte, 16), SpanId: []byte("01234567")}
	zeroSpan := &tracepb.Span{TraceId: []byte("0123456789abcdef"), SpanId: make([]byte, 8)}
	resp, body := s.do("POST", "/v1/traces", otlpBody(t, nil, good, short, zero, zeroSpan),
		"Content-Type", protobufType)
	partial := "\x0a\x1b\x08\x03\x12\x17spans without valid ids"
	if resp.StatusCode != http.StatusOK || body != partial {
		t.Errorf("have %s %q, want 200 %q", resp.Status, body, partial)
	}
	resp, body = s.do("POST", "/v1/traces", `{"resourceSpans":[{"scopeSpans":[{"spans":[{
		"traceId":"x!","spanId":"eee19b7ec3c1b174"},{"traceId":"5b8efff798038103d269b633813fc60c",
		"spanId":"eee19b7ec3c1b174"}]}]}]}`, "Content-Type", "application/json")
	if resp.StatusCode != http.StatusBadRequest { // no base64
		t.Errorf("have %s %s, want 400", resp.Status, body)
	}
	resp, body = s.do("POST", "/v1/traces", `{"resourceSpans":[{"scopeSpans":[{"spans":[{
		"traceId":"zzzz","spanId":"eee19b7ec3c1b174"}]}]}]}`, "Content-Type", "application/json")
	want := `{"partialSuccess":{"rejectedSpans":"1","errorMessage":"spans without valid ids"}}`
	if resp.StatusCode != http.StatusOK || body != want {
		t.Errorf("have %s %s, want %s", resp.Status, body, want)
	}
	var l losses
	s.get("/api/v2/losses", &l)
	s.same("refused", l.Collector.Refused, []lost{{"invalid ids", 4}, {"malformed", 1}})
}

// Errors have the form that OTLP asks for: google.rpc.Status in the type of the request.
func TestOTLPErrors(t *testing.T) {
	s := newServer(t, nil)
	for _, test := range []struct {
		contentType, body string
		status            int
		want              string
	}{
		{"text/plain", "x", 415, "content type must be"},
		{"", "x", 415, "content type must be"},
		{protobufType, "\x0a\x05abc", 400, "\x08\x03\x12"},
		{"application/json", "{", 400, `{"code":3,"message":"`},
	} {
		resp, body := s.do("POST", "/v1/traces", test.body, "Content-Type", test.contentType)
		if resp.StatusCode != test.status || !strings.HasPrefix(body, test.want) {
			t.Errorf("%s: have %s %q, want %d %q", test.contentType, resp.Status, body, test.status,
				test.want)
		}
	}
	if resp, _ := s.do("GET", "/v1/traces", ""); resp.StatusCode != http.StatusNotFound {
		t.Errorf("GET: have %s, want 404", resp.Status)
	}
	// A value that is nested without end is cut.
	deep := stringValue("x")
	for range 100 {
		deep = listValue(deep)
	}
	s.do("POST", "/v1/traces", otlpBody(t, nil, &tracepb.Span{
		TraceId: []byte("0123456789abcdef"), SpanId: []byte("01234567"),
		Attributes: attributes("deep", deep),
	}), "Content-Type", protobufType)
	_, text := s.do("GET", fmt.Sprintf("/api/v2/trace/%x", "0123456789abcdef"), "")
	want := strings.Repeat("[", 33) + "null" + strings.Repeat("]", 33)
	if !strings.Contains(text, want) {
		t.Errorf("have %s, want %s", text, want)
	}
}
