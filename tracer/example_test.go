package tracer_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/opentracing/opentracing-go/mocktracer"
	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer"
	"bookservice/tracer/delivery"
	"bookservice/tracer/finished"
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
	tr.StartSpan("find", opentracing.ChildOf(root.Context()), ext.SpanKindRPCClient).Finish()
	root.Finish()
	for _, s := range spans.Spans() {
		fmt.Println(s.Name, s.Kind, s.LocalEndpoint.ServiceName)
	}
	// Output:
	// find CLIENT books
	// borrow  books
}

// The error about an unknown backend lists the known ones.
func ExampleOpen_unknownBackend() {
	c := tracer.DefaultConfig()
	c.Backend = "zipkn"
	_, _, err := tracer.Open(context.Background(), c)
	fmt.Println(err)
	// Output:
	// -tracer "zipkn": must be one of file, log, memory, noop, zipkin
}

// The flags of a host program may have a prefix. Environment variables set the defaults.
func ExampleConfig_RegisterFlags() {
	c := tracer.DefaultConfig()
	if err := c.ReadEnvironment(os.LookupEnv); err != nil {
		fmt.Println(err)
		return
	}
	fs := flag.NewFlagSet("shop", flag.ContinueOnError)
	if err := c.RegisterFlags(fs, "trace-"); err != nil {
		fmt.Println(err)
		return
	}
	err := fs.Parse([]string{"-trace-tracer", "log", "-trace-service-name", "shop",
		"-trace-sample", "0.1"})
	fmt.Println(err, c.Backend, c.ServiceName, c.Sample)
	fmt.Println(c.RegisterFlags(fs, "trace-"))
	// Output:
	// <nil> log shop 0.1
	// tracer: flag -trace-baggage-allow is defined already
}

// Operations may have samplers of their own. The tag sampling.priority takes precedence.
func ExampleSamplerConfig() {
	c := tracer.DefaultConfig()
	c.Backend, c.ServiceName = "memory", "books"
	c.Sample = 0 // other operations
	c.Sampler.Operations = "find*=always, findAll=never"
	spans := &tracer.Memory{}
	tr, closer, err := tracer.Open(context.Background(), c, tracer.WithMemory(spans))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer closer.Close()

	for _, operation := range []string{"find", "findByTitle", "findAll", "borrow"} {
		tr.StartSpan(operation).Finish()
	}
	tr.StartSpan("borrow now", opentracing.Tag{Key: "sampling.priority", Value: 1}).Finish()
	tr.StartSpan("find later", opentracing.Tag{Key: "sampling.priority", Value: 0}).Finish()
	for _, s := range spans.Spans() {
		fmt.Println(s.Name, "debug:", s.Debug)
	}
	// Output:
	// find debug: false
	// findByTitle debug: false
	// borrow now debug: true
}

// Baggage reaches the spans of other processes. Chosen items are set as tags.
func ExamplePropagationConfig_baggage() {
	c := tracer.DefaultConfig()
	c.Backend, c.ServiceName = "memory", "shop"
	c.Propagation.BaggageTags = "tenant"
	spans := &tracer.Memory{}
	tr, closer, err := tracer.Open(context.Background(), c, tracer.WithMemory(spans))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer closer.Close()

	order := tr.StartSpan("order").SetBaggageItem("tenant", "köln").SetBaggageItem("user", "ann")
	headers := opentracing.TextMapCarrier{}
	if err := tr.Inject(order.Context(), opentracing.TextMap, headers); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("baggage:", headers["baggage"])

	sc, err := tr.Extract(opentracing.TextMap, headers) // in another process
	if err != nil {
		fmt.Println(err)
		return
	}
	pay := tr.StartSpan("pay", opentracing.ChildOf(sc))
	fmt.Println("user:", pay.BaggageItem("user"))
	pay.Finish()
	fmt.Println("tags:", spans.Spans()[0].Tags)
	// Output:
	// baggage: tenant=k%C3%B6ln,user=ann
	// user: ann
	// tags: map[tenant:köln]
}

// A backend over a queue has an encode function and a send function. The queue retries batches, and
// counts the spans.
func ExampleSettings_Queue() {
	attempts := 0
	lines := tracer.Backend{
		Name: "lines",
		Open: func(_ context.Context, s tracer.Settings) (tracer.Sink, error) {
			return s.Queue(tracer.Destination{
				Spool:   "lines",
				Address: "standard output",
				Encode: func(b []byte, span *finished.Span) []byte {
					return fmt.Appendln(b, s.ServiceName, span.Model.Name)
				},
				Send: func(_ context.Context, batch delivery.Batch) error {
					if attempts++; attempts == 1 {
						return fmt.Errorf("try again")
					}
					_, err := os.Stdout.Write(batch.Bytes())
					return err
				},
			})
		},
	}
	c := tracer.DefaultConfig()
	c.Backend, c.ServiceName = "lines", "books"
	metrics := &tracer.Metrics{}
	tr, closer, err := tracer.Open(context.Background(), c, tracer.WithBackend(lines),
		tracer.WithMetrics(metrics), tracer.WithLogger(nil))
	if err != nil {
		fmt.Println(err)
		return
	}
	tr.StartSpan("find").Finish()
	tr.StartSpan("borrow").Finish()
	if err := closer.Close(); err != nil {
		fmt.Println(err)
	}
	sink := metrics.Stats().Sinks["lines"]
	fmt.Println(sink.Sent, "sent after", sink.Retried, "retry")
	// Output:
	// books find
	// books borrow
	// 2 sent after 1 retry
}

// printer is a reporter as zipkin-go defines it.
type printer struct{}

func (printer) Send(s model.SpanModel) { fmt.Println("finished:", s.Name, s.Tags) }
func (printer) Close() error           { fmt.Println("closed"); return nil }

// A backend over a reporter of zipkin-go may be listed beside others.
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

// A tracer of another implementation can be selected by its name.
func ExampleWithTracer() {
	mock := mocktracer.New()
	open := func(context.Context, tracer.Config) (opentracing.Tracer, io.Closer, error) {
		return mock, nil, nil
	}
	c := tracer.DefaultConfig()
	c.Backend, c.ServiceName = "mock", "books"
	tr, closer, err := tracer.Open(context.Background(), c, tracer.WithTracer("mock", open))
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
