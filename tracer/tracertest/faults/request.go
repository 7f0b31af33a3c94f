package faults

import (
	"net/http"

	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer/tracertest/receiver"
)

// A request is the content of one request to the collector.
type request struct {
	spans []model.SpanModel
	size  int // bytes, uncompressed
}

// read reads a request of Zipkin's v2 API or of OTLP over HTTP.
func read(r *http.Request) (request, error) {
	body, err := receiver.Body(r)
	if err != nil {
		return request{}, err
	}
	spans, err := receiver.Decode(r, body)
	return request{spans, len(body)}, err
}
