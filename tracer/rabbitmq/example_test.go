package rabbitmq_test

import (
	"context"
	"log"

	"bookservice/tracer"
	"bookservice/tracer/rabbitmq"
)

// The transport sends spans to Zipkin's collectors by way of RabbitMQ.
func ExampleTransport() {
	rc := rabbitmq.DefaultConfig()
	rc.URL = "amqp://books:password@rabbitmq:5672/"
	c := tracer.DefaultConfig()
	c.Backend, c.ServiceName = "zipkin", "books"
	c.Zipkin.Transport = rabbitmq.Name
	tr, closer, err := tracer.Open(context.Background(), c, rabbitmq.Transport(&rc))
	if err != nil {
		log.Fatal(err)
	}
	tr.StartSpan("find").Finish()
	if err := closer.Close(); err != nil { // sends the span
		log.Print(err)
	}
}
