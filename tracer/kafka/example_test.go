package kafka_test

import (
	"context"
	"log"

	"bookservice/tracer"
	"bookservice/tracer/kafka"
)

// The transport sends spans to Zipkin's collectors by way of Kafka.
func ExampleTransport() {
	kc := kafka.DefaultConfig()
	kc.Brokers = "kafka1:9092,kafka2:9092"
	kc.SASL, kc.User, kc.Password = "scram-sha-512", "books", "password"
	c := tracer.DefaultConfig()
	c.Backend, c.ServiceName = "zipkin", "books"
	c.Zipkin.Transport = kafka.Name
	tr, closer, err := tracer.Open(context.Background(), c, kafka.Transport(&kc))
	if err != nil {
		log.Fatal(err)
	}
	tr.StartSpan("find").Finish()
	if err := closer.Close(); err != nil { // sends the span
		log.Print(err)
	}
}
