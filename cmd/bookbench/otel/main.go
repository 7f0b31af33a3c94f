// Otel has the rows of bookbench that are traced by OpenTelemetry: its instrumentation of gRPC, and
// kratos.
package main

import "bookservice/cmd/bookbench/internal/side"

func main() {
	side.Main(map[string]side.Way{
		"otelgrpc, OTLP exporter, 100 %": instrumented(openOTLP, 1),
		"otelgrpc, OTLP exporter, 1 %":   instrumented(openOTLP, 0.01),
		"otelgrpc, Zipkin exporter":      instrumented(openOTelZipkin, 1),
		"kratos, OTLP exporter":          {Serve: serveKratos, Dial: dialKratos},
	})
}
