// Package receiver holds collectors for tests: they receive spans as Zipkin and OpenTelemetry
// collectors do, decode them with the decoders of those projects, and keep them.
package receiver

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/openzipkin/zipkin-go/model"
	"github.com/openzipkin/zipkin-go/proto/zipkin_proto3"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

const (
	typeJSON  = "application/json"
	typeProto = "application/x-protobuf"
)

// Body reads the body of a request, uncompressed.
func Body(r *http.Request) ([]byte, error) {
	if r.Header.Get("Content-Encoding") != "gzip" {
		return io.ReadAll(r.Body)
	}
	unzipped, err := gzip.NewReader(r.Body)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(unzipped)
}

// Decode returns the spans of a request to Zipkin's v2 API or to an OTLP collector over HTTP. body
// is its uncompressed body.
func Decode(r *http.Request, body []byte) ([]model.SpanModel, error) {
	switch {
	case strings.HasSuffix(r.URL.Path, "/v1/traces"):
		request := &coltracepb.ExportTraceServiceRequest{}
		if err := proto.Unmarshal(body, request); err != nil {
			return nil, fmt.Errorf("otlp: %w", err)
		}
		return SpanModels(request.GetResourceSpans()), nil
	case r.Header.Get("Content-Type") == typeProto:
		spans, err := zipkin_proto3.ParseSpans(body, false)
		return values(spans), err
	}
	var spans []*model.SpanModel
	err := json.Unmarshal(body, &spans)
	return values(spans), err
}

func values(spans []*model.SpanModel) []model.SpanModel {
	all := make([]model.SpanModel, len(spans))
	for i, s := range spans {
		all[i] = *s
		if s.Kind == "SPAN_KIND_UNSPECIFIED" { // the protobuf decoder's name for no kind
			all[i].Kind = model.Undetermined
		}
	}
	return all
}
