package tracer_test

import (
	"context"
	"fmt"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"

	"bookservice/tracer"
)

// A message is what a queue transports.
type message struct {
	headers map[string]string
	body    string
}

// produce sends a message. Its headers carry the context of the PRODUCER span.
func produce(tr opentracing.Tracer, to chan<- message, body string) error {
	span := tr.StartSpan("send order", ext.SpanKindProducer)
	defer span.Finish()
	headers := opentracing.TextMapCarrier{}
	if err := tr.Inject(span.Context(), opentracing.TextMap, headers); err != nil {
		return err
	}
	to <- message{headers, body}
	return nil
}

// consume handles a message. The CONSUMER span follows from the PRODUCER span, which does not wait
// for it; it would be a child with opentracing.ChildOf.
func consume(tr opentracing.Tracer, m message) {
	opts := []opentracing.StartSpanOption{ext.SpanKindConsumer}
	// A message without headers begins a trace.
	sc, err := tr.Extract(opentracing.TextMap, opentracing.TextMapCarrier(m.headers))
	if err == nil {
		opts = append(opts, opentracing.FollowsFrom(sc))
	}
	span := tr.StartSpan("handle order", opts...)
	defer span.Finish()
	span.SetTag("order", m.body)
}

// A producer and a consumer of a queue take part in one trace.
func ExampleOpen_queue() {
	c := tracer.DefaultConfig()
	c.Backend, c.ServiceName = "memory", "orders"
	spans := &tracer.Memory{}
	tr, closer, err := tracer.Open(context.Background(), c, tracer.WithMemory(spans))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer closer.Close()

	queue := make(chan message, 1)
	if err := produce(tr, queue, "7 books"); err != nil {
		fmt.Println(err)
		return
	}
	consume(tr, <-queue)

	producer, consumer := spans.Spans()[0], spans.Spans()[1]
	fmt.Println(producer.Kind, producer.Name)
	fmt.Println(consumer.Kind, consumer.Name, consumer.Tags)
	fmt.Println("parent is the producer:", *consumer.ParentID == producer.ID)
	// Output:
	// PRODUCER send order
	// CONSUMER handle order map[opentracing.ref_type:follows_from order:7 books]
	// parent is the producer: true
}
