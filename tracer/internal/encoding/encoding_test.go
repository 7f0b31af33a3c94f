package encoding_test

import (
	"encoding/json"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/openzipkin/zipkin-go/model"
	"github.com/openzipkin/zipkin-go/proto/zipkin_proto3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"bookservice/tracer/finished"
	"bookservice/tracer/internal/encoding"
)

// smallest returns a span with only the fields that every span has.
func smallest() *finished.Span {
	return &finished.Span{Model: model.SpanModel{
		SpanContext: model.SpanContext{TraceID: model.TraceID{Low: 2}, ID: 3},
		Name:        "call",
		Timestamp:   time.UnixMicro(1700000000000001), Duration: time.Microsecond,
	}}
}

// largest returns a span with all fields.
func largest() *finished.Span {
	parent := model.ID(4)
	return &finished.Span{
		Model: model.SpanModel{
			SpanContext: model.SpanContext{
				TraceID: model.TraceID{High: 1, Low: 2}, ID: 3, ParentID: &parent, Debug: true,
			},
			Name: "cäll", Kind: model.Consumer,
			Timestamp: time.UnixMicro(1700000000000001), Duration: 2500 * time.Nanosecond,
			LocalEndpoint: &model.Endpoint{
				ServiceName: "a", IPv4: net.IP{10, 0, 0, 1}, IPv6: net.ParseIP("::1"), Port: 80,
			},
			RemoteEndpoint: &model.Endpoint{ServiceName: "b"},
			Annotations: []model.Annotation{
				{Timestamp: time.UnixMicro(1700000000000002), Value: "x"},
				{Timestamp: time.UnixMicro(1700000000000003), Value: ""},
			},
		},
		Tags:  []finished.Tag{{Key: "k", Value: "v"}, {Key: "", Value: ""}},
		Error: "no paper",
	}
}

// TestJSON compares encoded spans with the expected text.
func TestJSON(t *testing.T) {
	for want, s := range map[string]*finished.Span{
		`{"traceId":"0000000000000002","id":"0000000000000003","name":"call",` +
			`"timestamp":1700000000000001,"duration":1}`: smallest(),
		`{"traceId":"00000000000000010000000000000002","id":"0000000000000003",` +
			`"parentId":"0000000000000004","kind":"CONSUMER","name":"cäll",` +
			`"timestamp":1700000000000001,"duration":3,"localEndpoint":{"serviceName":"a",` +
			`"ipv4":"10.0.0.1","ipv6":"::1","port":80},"remoteEndpoint":{"serviceName":"b"},` +
			`"annotations":[{"timestamp":1700000000000002,"value":"x"},` +
			`{"timestamp":1700000000000003,"value":""}],` +
			`"tags":{"k":"v","":"","error":"no paper"},"debug":true}`: largest(),
	} {
		have := string(encoding.AppendJSON([]byte("before"), s))
		if diff := cmp.Diff("before"+want, have); diff != "" {
			t.Errorf("-want +have\n%s", diff)
		}
		if line := string(encoding.AppendJSONLine(nil, s)); line != want+"\n" {
			t.Errorf("have line %q", line)
		}
	}
}

// TestJSONStrings encodes every ASCII character and others in each text of a span.
func TestJSONStrings(t *testing.T) {
	var text []byte
	for c := range byte(0x80) {
		text = append(text, c)
	}
	want := string(text) + "ü€😀\u2028\uFFFD"
	s := smallest()
	s.Model.Name, s.Error = want, want
	s.Tags = []finished.Tag{{Key: want, Value: want}}
	s.Model.Annotations = []model.Annotation{{Value: want}}
	s.Model.LocalEndpoint = &model.Endpoint{ServiceName: want}
	var have struct {
		Name          string
		Tags          map[string]string
		Annotations   []struct{ Value string }
		LocalEndpoint struct{ ServiceName string }
	}
	if err := json.Unmarshal(encoding.AppendJSON(nil, s), &have); err != nil {
		t.Fatal(err)
	}
	if have.Name != want || have.Tags[want] != want || have.Tags["error"] != want ||
		have.Annotations[0].Value != want || have.LocalEndpoint.ServiceName != want {
		t.Errorf("have %+q, want %q everywhere", have, want)
	}
}

// TestProto compares encoded spans with the expected messages. No field is encoded that protobuf
// omits.
func TestProto(t *testing.T) {
	type (
		span     = zipkin_proto3.Span
		endpoint = zipkin_proto3.Endpoint
	)
	zeros := make([]byte, 7)
	id := func(low byte) []byte { return append(zeros[:7:7], low) }
	traceID := func(high, low byte) []byte { return append(id(high), id(low)...) }
	for name, test := range map[string]struct {
		span *finished.Span
		want *span
	}{
		"smallest": {smallest(), &span{
			TraceId: traceID(0, 2), Id: id(3), Name: "call",
			Timestamp: 1700000000000001, Duration: 1,
		}},
		"largest": {largest(), &span{
			TraceId: traceID(1, 2), Id: id(3), ParentId: id(4), Name: "cäll",
			Kind: zipkin_proto3.Span_CONSUMER, Timestamp: 1700000000000001, Duration: 3,
			LocalEndpoint: &endpoint{
				ServiceName: "a", Ipv4: []byte{10, 0, 0, 1}, Ipv6: net.ParseIP("::1"), Port: 80,
			},
			RemoteEndpoint: &endpoint{ServiceName: "b"},
			Annotations: []*zipkin_proto3.Annotation{
				{Timestamp: 1700000000000002, Value: "x"}, {Timestamp: 1700000000000003},
			},
			Tags:  map[string]string{"k": "v", "": "", "error": "no paper"},
			Debug: true,
		}},
	} {
		b := encoding.AppendProto(nil, test.span)
		have := &zipkin_proto3.ListOfSpans{}
		if err := proto.Unmarshal(b, have); err != nil {
			t.Fatal(err)
		}
		want := &zipkin_proto3.ListOfSpans{Spans: []*span{test.want}}
		if diff := cmp.Diff(want, have, protocmp.Transform()); diff != "" {
			t.Errorf("%s: -want +have\n%s", name, diff)
		}
		// Marshal encodes key and value of an entry even if they are empty.
		if size := proto.Size(want); name == "smallest" && len(b) != size {
			t.Errorf("%s: have %d bytes, want %d", name, len(b), size)
		}
	}
	s := smallest()
	s.Model.LocalEndpoint = &model.Endpoint{ServiceName: "a"}
	list := &zipkin_proto3.ListOfSpans{Spans: []*span{{
		TraceId: traceID(0, 2), Id: id(3), Name: "call", Timestamp: 1700000000000001, Duration: 1,
		LocalEndpoint: &endpoint{ServiceName: "a"},
	}}}
	if have, want := len(encoding.AppendProto(nil, s)), proto.Size(list); have != want {
		t.Errorf("a name alone: have %d bytes, want %d", have, want)
	}
}

// TestProtoKinds checks the number of each kind.
func TestProtoKinds(t *testing.T) {
	for kind, want := range map[model.Kind]zipkin_proto3.Span_Kind{
		model.Undetermined: 0, model.Client: zipkin_proto3.Span_CLIENT,
		model.Server: zipkin_proto3.Span_SERVER, model.Producer: zipkin_proto3.Span_PRODUCER,
		model.Consumer: zipkin_proto3.Span_CONSUMER,
	} {
		s := smallest()
		s.Model.Kind = kind
		list := &zipkin_proto3.ListOfSpans{}
		if err := proto.Unmarshal(encoding.AppendProto(nil, s), list); err != nil {
			t.Fatal(err)
		}
		if have := list.GetSpans()[0].GetKind(); have != want {
			t.Errorf("%q: have %v, want %v", kind, have, want)
		}
	}
}

// TestLargeMessages encodes spans whose length needs one to four bytes.
func TestLargeMessages(t *testing.T) {
	for _, n := range []int{0, 70, 127, 128, 1 << 14, 1 << 21} {
		s := smallest()
		s.Tags = []finished.Tag{{Key: "k", Value: string(make([]byte, n))}}
		b := encoding.AppendProto(encoding.AppendProto(nil, s), s) // two lists are one list
		list := &zipkin_proto3.ListOfSpans{}
		if err := proto.Unmarshal(b, list); err != nil || len(list.GetSpans()) != 2 {
			t.Fatalf("%d: have %v and %d spans", n, err, len(list.GetSpans()))
		}
		for _, have := range list.GetSpans() {
			if len(have.GetTags()["k"]) != n || have.GetName() != "call" {
				t.Errorf("%d: have %d bytes and name %q",
					n, len(have.GetTags()["k"]), have.GetName())
			}
		}
	}
}
