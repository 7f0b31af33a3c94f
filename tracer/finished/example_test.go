package finished_test

import (
	"fmt"
	"time"

	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer/finished"
)

// encode appends a span as one line. Every tag is visited, the error tag last.
func encode(b []byte, s *finished.Span) []byte {
	b = fmt.Append(b, s.Model.Name, " ", s.Model.Duration)
	s.EachTag(func(t finished.Tag) { b = fmt.Append(b, " ", t.Key, "=", t.Value) })
	for _, r := range s.Logs {
		b = fmt.Appendf(b, " [%s]", r.Text())
	}
	return append(b, '\n')
}

// An encode function of a backend appends a span to a buffer, and does not keep it.
func ExampleSpan_EachTag() {
	span := &finished.Span{
		Model: model.SpanModel{Name: "find", Duration: time.Millisecond},
		Tags:  []finished.Tag{{Key: "shelf", Value: "7", Type: finished.Int}},
		Logs: []finished.LogRecord{{Fields: []finished.Tag{
			{Key: finished.FieldEvent, Value: "retry"}, {Key: "try", Value: "2"},
		}}},
		Error: "no such book",
	}
	fmt.Printf("%s", encode(nil, span))
	// Output:
	// find 1ms shelf=7 error=no such book [event=retry try=2]
}
