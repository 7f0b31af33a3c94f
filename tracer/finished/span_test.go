package finished_test

import (
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer/finished"
)

// newSpan returns a span with all fields.
func newSpan() *finished.Span {
	parent, sampled := model.ID(7), true
	return &finished.Span{
		Model: model.SpanModel{
			SpanContext: model.SpanContext{
				TraceID: model.TraceID{High: 1, Low: 2}, ID: 3, ParentID: &parent,
				Sampled: &sampled, Debug: true,
			},
			Name: "call", Kind: model.Client,
			Timestamp: time.Unix(1700000000, 0), Duration: time.Second,
			LocalEndpoint:  &model.Endpoint{ServiceName: "a", IPv4: net.IP{10, 0, 0, 1}, Port: 80},
			RemoteEndpoint: &model.Endpoint{ServiceName: "b", IPv6: net.ParseIP("::1"), Port: 81},
			Annotations: []model.Annotation{
				{Timestamp: time.Unix(1700000001, 0), Value: "retry"},
			},
		},
		Tags:  []finished.Tag{{Key: "k", Value: "v"}, {Key: "n", Value: "1", Type: finished.Int}},
		Error: "no paper",
	}
}

// TestSpanModelHasAllFields compares the model with the span.
func TestSpanModelHasAllFields(t *testing.T) {
	s := newSpan()
	want := s.Model
	want.Tags = map[string]string{"k": "v", "n": "1", "error": "no paper"}
	if diff := cmp.Diff(want, s.SpanModel()); diff != "" {
		t.Errorf("-want +have\n%s", diff)
	}
	empty := (&finished.Span{}).SpanModel()
	if empty.ParentID != nil || empty.Sampled != nil || empty.LocalEndpoint != nil ||
		empty.RemoteEndpoint != nil || empty.Tags == nil || len(empty.Annotations) != 0 {
		t.Errorf("have %+v of an empty span", empty)
	}
}

// TestSpanModelSharesNoMemory changes everything that a model refers to. The span and another model
// stay as they are.
func TestSpanModelSharesNoMemory(t *testing.T) {
	s := newSpan()
	changed, other := s.SpanModel(), s.SpanModel()
	*changed.ParentID, *changed.Sampled = 0, false
	changed.LocalEndpoint.ServiceName, changed.LocalEndpoint.IPv4[0] = "x", 0
	changed.RemoteEndpoint.ServiceName, changed.RemoteEndpoint.IPv6[0] = "x", 1
	changed.Annotations[0].Value = "x"
	changed.Tags["k"] = "x"
	if diff := cmp.Diff(newSpan(), s); diff != "" {
		t.Errorf("the span: -want +have\n%s", diff)
	}
	if diff := cmp.Diff(newSpan().SpanModel(), other); diff != "" {
		t.Errorf("the other model: -want +have\n%s", diff)
	}
}

// TestEachTagOrder checks that the tags come in order and the error tag last.
func TestEachTagOrder(t *testing.T) {
	type tags = []finished.Tag
	k, n := finished.Tag{Key: "k", Value: "v"}, finished.Tag{Key: "n", Type: finished.Int}
	failed := finished.Tag{Key: "error", Value: "no paper"}
	item := finished.Tag{Key: "error", Value: "a baggage item"}
	for name, test := range map[string]struct {
		span finished.Span
		want tags
	}{
		"no tags":        {finished.Span{}, nil},
		"error alone":    {finished.Span{Error: "no paper"}, tags{failed}},
		"tags and error": {finished.Span{Tags: tags{n, k}, Error: "no paper"}, tags{n, k, failed}},
		"tags":           {finished.Span{Tags: tags{k, n}}, tags{k, n}},
		"tag error":      {finished.Span{Tags: tags{item, k}}, tags{item, k}},
		"error and tag error": {
			finished.Span{Tags: tags{item, k}, Error: "no paper"}, tags{k, failed}},
	} {
		var have tags
		test.span.EachTag(func(tag finished.Tag) { have = append(have, tag) })
		if diff := cmp.Diff(test.want, have); diff != "" {
			t.Errorf("%s: -want +have\n%s", name, diff)
		}
	}
}

// TestHasTag looks for tags. The error tag is not one of them.
func TestHasTag(t *testing.T) {
	s := newSpan()
	for key, want := range map[string]bool{
		"k": true, "n": true, "K": false, "": false, "error": false,
	} {
		if have := s.HasTag(key); have != want {
			t.Errorf("%q: have %v, want %v", key, have, want)
		}
	}
}

// TestLogRecord renders records, and reads single fields.
func TestLogRecord(t *testing.T) {
	field := func(key, value string) finished.Tag { return finished.Tag{Key: key, Value: value} }
	for want, fields := range map[string][]finished.Tag{
		"":                nil,
		"retry":           {field("event", "retry")},
		"k=v":             {field("k", "v")},
		"event=retry n=1": {field("event", "retry"), field("n", "1")},
		"n= m=":           {field("n", ""), field("m", "")},
	} {
		if have := (finished.LogRecord{Fields: fields}).Text(); have != want {
			t.Errorf("have %q, want %q", have, want)
		}
	}
	r := finished.LogRecord{Fields: []finished.Tag{
		field("n", "1"), field("n", "2"), field("m", ""),
	}}
	for key, want := range map[string]string{"n": "1", "m": "", "event": ""} {
		if have := r.Get(key); have != want {
			t.Errorf("%s: have %q, want %q", key, have, want)
		}
	}
}
