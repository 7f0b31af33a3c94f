package receiver_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"bookservice/tracer"
	"bookservice/tracer/tracertest/receiver"
)

// A handler decodes requests in any format of Zipkin or OpenTelemetry over HTTP.
func ExampleDecode() {
	collector := httptest.NewServer(http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			body, err := receiver.Body(r)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			spans, err := receiver.Decode(r, body)
			for _, s := range spans {
				fmt.Println(s.Name, s.Tags, err)
			}
		}))
	defer collector.Close()

	c := tracer.DefaultConfig()
	c.Backend, c.ServiceName, c.Zipkin.URL = "zipkin", "books", collector.URL
	tr, closer, err := tracer.Open(context.Background(), c)
	if err != nil {
		fmt.Println(err)
		return
	}
	tr.StartSpan("find").SetTag("shelf", 7).Finish()
	if err := closer.Close(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// find map[shelf:7] <nil>
}

// A test starts a collector, which it stops at its end. The body of this example is that of a test
// function.
func ExampleNewZipkin() {
	var t *testing.T // of the test function
	collector := receiver.NewZipkin(t, 0)
	c := tracer.DefaultConfig()
	c.Backend, c.ServiceName, c.Zipkin.URL = "zipkin", "books", collector.URL
	tr, closer, err := tracer.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	tr.StartSpan("find").Finish()
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
	if n := len(collector.Spans(t)); n != 1 {
		t.Errorf("have %d spans, want 1", n)
	}
}
