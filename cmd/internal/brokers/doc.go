// Package brokers has no code, but tests: they send spans to a real Zipkin on every way there is, through a real Kafka and a
// real RabbitMQ too, and count what arrives by Zipkin's own counters. Then they kill and pause each of these.
package brokers
