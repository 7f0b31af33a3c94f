package tracer_test

import (
	"context"
	"fmt"
	"io"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/mocktracer"
	"github.com/openzipkin/zipkin-go/model"
	"github.com/openzipkin/zipkin-go/reporter"

	"bookservice/tracer"
)

// The memory backend keeps the spans, and draws them.
func ExampleOpen() {
	c := tracer.DefaultConfig()
	c.Backend, c.ServiceName = "memory", "books"
	spans := &tracer.Memory{}
	tr, closer, err := tracer.Open(context.Background(), c, tracer.WithMemory(spans))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer closer.Close()

	root := tr.StartSpan("borrow")
	child := tr.StartSpan("find", opentracing.ChildOf(root.Context()), opentracing.Tag{Key: "span.kind", Value: "client"})
	child.Finish()
	root.Finish()
	for _, s := range spans.Spans() {
		fmt.Println(s.Name, s.Kind, s.LocalEndpoint.ServiceName)
	}
	// Output:
	// find CLIENT books
	// borrow  books
}

// An unknown backend is an error that lists those there are.
func ExampleOpen_unknown() {
	c := tracer.DefaultConfig()
	c.Backend = "zipkn"
	_, _, err := tracer.Open(context.Background(), c)
	fmt.Println(err)
	// Output:
	// tracer: unknown backend "zipkn" (have file, log, memory, noop, otlp, zipkin)
}

// printer is a destination for spans: a reporter as zipkin-go defines it.
type printer struct{}

func (printer) Send(s model.SpanModel) { fmt.Println("finished:", s.Name, s.Tags) }
func (printer) Close() error           { fmt.Println("closed"); return nil }

// A sink of one's own has a name that the configuration can list, beside others.
func ExampleWithSink() {
	c := tracer.DefaultConfig()
	c.Backend, c.ServiceName = "printer,memory", "books"
	tr, closer, err := tracer.Open(context.Background(), c,
		tracer.WithSink("printer", func(context.Context, tracer.Config) (reporter.Reporter, error) { return printer{}, nil }))
	if err != nil {
		fmt.Println(err)
		return
	}
	tr.StartSpan("find").SetTag("shelf", 7).Finish()
	if err := closer.Close(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// finished: find map[shelf:7]
	// closed
}

// A tracer that is none of ours takes our place under a name of its own.
func ExampleWithBackend() {
	mock := mocktracer.New()
	c := tracer.DefaultConfig()
	c.Backend, c.ServiceName = "mock", "books"
	tr, closer, err := tracer.Open(context.Background(), c,
		tracer.WithBackend("mock", func(context.Context, tracer.Config) (opentracing.Tracer, io.Closer, error) {
			return mock, nil, nil
		}))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer closer.Close()
	tr.StartSpan("find").Finish()
	fmt.Println(len(mock.FinishedSpans()), "span")
	// Output:
	// 1 span
}
