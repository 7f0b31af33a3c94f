package zipkinserver_test

import (
	"testing"

	"bookservice/tracer"
	"bookservice/tracer/tracertest/zipkinserver"
)

// A test sends spans to a real Zipkin and reads them back. The body of this example is that of a
// test function.
func ExampleStart() {
	var t *testing.T // of the test function
	zipkin := zipkinserver.Start(t)
	c := tracer.DefaultConfig()
	c.Backend, c.ServiceName, c.Zipkin.URL = "zipkin", "books", zipkin.URL+"/api/v2/spans"
	tr, closer, err := tracer.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	span := tr.StartSpan("find")
	span.Finish()
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
	id, _ := tracer.TraceID(span.Context())
	if have := zipkin.Trace(t, id, 1); have[0].Name != "find" {
		t.Errorf("have %v, want the span", have)
	}
}
