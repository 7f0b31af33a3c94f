package faults

import (
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/openzipkin/zipkin-go/proto/zipkin_proto3"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// An id is that of a span, in hexadecimal digits.
type id string

type span struct {
	id   id
	name string
}

// posted is what a request has brought.
type posted struct {
	spans []span
	size  int // in bytes, uncompressed
}

// read reads a request of Zipkin's v2 API or of OTLP over HTTP.
func read(r *http.Request) (posted, error) {
	var from io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(r.Body)
		if err != nil {
			return posted{}, err
		}
		from = unzipped
	}
	body, err := io.ReadAll(from)
	if err != nil {
		return posted{}, err
	}
	parse := parseZipkinJSON
	switch {
	case strings.HasSuffix(r.URL.Path, "/v1/traces"):
		parse = parseOTLP
	case r.Header.Get("Content-Type") == "application/x-protobuf":
		parse = parseZipkin
	}
	spans, err := parse(body)
	return posted{spans, len(body)}, err
}

func parseZipkin(body []byte) (spans []span, err error) {
	models, err := zipkin_proto3.ParseSpans(body, false)
	for _, m := range models {
		spans = append(spans, span{id(m.ID.String()), m.Name})
	}
	return spans, err
}

func parseZipkinJSON(body []byte) (spans []span, err error) {
	var list []struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	err = json.Unmarshal(body, &list)
	for _, s := range list {
		spans = append(spans, span{id(s.ID), s.Name})
	}
	return spans, err
}

func parseOTLP(body []byte) (spans []span, err error) {
	var req coltracepb.ExportTraceServiceRequest
	if err := proto.Unmarshal(body, &req); err != nil {
		return nil, fmt.Errorf("otlp: %w", err)
	}
	for _, resource := range req.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				spans = append(spans, span{id(hex.EncodeToString(s.GetSpanId())), s.GetName()})
			}
		}
	}
	return spans, nil
}
