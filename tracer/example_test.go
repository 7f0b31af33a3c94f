package tracer_test

import (
	"context"
	"fmt"
	"io"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/mocktracer"
	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer"
)

// The memory backend keeps spans in the process.
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

// The error about an unknown backend lists the known ones.
func ExampleOpen_unknown() {
	c := tracer.DefaultConfig()
	c.Backend = "zipkn"
	_, _, err := tracer.Open(context.Background(), c)
	fmt.Println(err)
	// Output:
	// -tracer "zipkn": must be one of file, log, memory, noop, zipkin
}

// printer is a reporter as zipkin-go defines it.
type printer struct{}

func (printer) Send(s model.SpanModel) { fmt.Println("finished:", s.Name, s.Tags) }
func (printer) Close() error           { fmt.Println("closed"); return nil }

// A backend over a reporter of zipkin-go has a name that the configuration can list beside others.
func ExampleSettings_Reporter() {
	backend := tracer.Backend{
		Name: "printer",
		Open: func(_ context.Context, s tracer.Settings) (tracer.Sink, error) {
			return s.Reporter(printer{}), nil
		},
	}
	c := tracer.DefaultConfig()
	c.Backend, c.ServiceName = "printer,memory", "books"
	tr, closer, err := tracer.Open(context.Background(), c, tracer.WithBackend(backend))
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

// A tracer of another make can be selected by a name, too.
func ExampleWithTracer() {
	mock := mocktracer.New()
	c := tracer.DefaultConfig()
	c.Backend, c.ServiceName = "mock", "books"
	tr, closer, err := tracer.Open(context.Background(), c,
		tracer.WithTracer("mock", func(context.Context, tracer.Config) (opentracing.Tracer, io.Closer, error) {
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
