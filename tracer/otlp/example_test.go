package otlp_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"bookservice/tracer"
	"bookservice/tracer/otlp"
)

// The backend sends spans to a collector of OpenTelemetry's protocol.
func ExampleBackend() {
	collector := httptest.NewServer(http.HandlerFunc(
		func(_ http.ResponseWriter, r *http.Request) {
			fmt.Println(r.Method, r.URL.Path, r.Header.Get("Content-Type"), r.Header.Get("X-Key"))
		}))
	defer collector.Close()

	oc := otlp.DefaultConfig()
	oc.Protocol, oc.Endpoint, oc.Headers = otlp.HTTP, collector.URL, "x-key=7"
	c := tracer.DefaultConfig()
	c.Backend, c.ServiceName = otlp.Name, "books"
	tr, closer, err := tracer.Open(context.Background(), c, otlp.Backend(&oc))
	if err != nil {
		fmt.Println(err)
		return
	}
	tr.StartSpan("find").Finish()
	if err := closer.Close(); err != nil { // sends the span
		fmt.Println(err)
	}
	// Output:
	// POST /v1/traces application/x-protobuf 7
}
