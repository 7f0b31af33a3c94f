// Package brokers has only tests. They send spans to a real Zipkin over HTTP, through a real Kafka
// and through a real RabbitMQ, and compare with Zipkin's own counters. They kill and restart each
// of these processes, and pause the brokers.
package brokers
