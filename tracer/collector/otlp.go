package collector

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"

	"bookservice/tracer/collector/internal/otlp"
	"bookservice/tracer/collector/internal/zipkinv2"
)

// Types of OTLP over HTTP.
const protobufType = "application/x-protobuf"

// Codes of google.rpc.Code.
const (
	codeInvalidArgument = 3
	codeUnavailable     = 14
)

const invalidIDs = "spans without valid ids"

// postOTLP receives spans by OTLP over HTTP (opentelemetry.io/docs/specs/otlp).
func (c *Collector) postOTLP(w http.ResponseWriter, r *http.Request) {
	contentType := mediaType(r)
	read := otlp.ReadProto
	switch contentType {
	case protobufType:
	case jsonText:
		read = otlp.ReadJSON
	default:
		text(w, http.StatusUnsupportedMediaType, plainText,
			"content type must be application/x-protobuf or application/json\n")
		return
	}
	rejected := 0
	err := c.receive(w, r, func(s *workspace, body []byte) ([]*zipkinv2.Span, error) {
		resources, err := read(body)
		if err != nil {
			return nil, malformed(err.Error())
		}
		var spans []*zipkinv2.Span
		spans, rejected = otlp.NewConverter(s.decoder).Convert(resources)
		return spans, nil
	})
	if err != nil {
		answerOTLPError(w, contentType, err)
		return
	}
	c.refuseInvalid(rejected)
	w.Header().Set("Content-Type", contentType)
	_, _ = w.Write(otlpResponse(contentType, rejected)) // if it fails, no reader is left
}

func (c *Collector) refuseInvalid(rejected int) {
	if rejected > 0 {
		c.store.Refuse("invalid ids", int64(rejected))
	}
}

// otlpResponse encodes a message ExportTraceServiceResponse.
func otlpResponse(contentType string, rejected int) []byte {
	if contentType == jsonText {
		if rejected == 0 {
			return []byte("{}")
		}
		return fmt.Appendf(nil, `{"partialSuccess":{"rejectedSpans":"%d","errorMessage":"%s"}}`,
			rejected, invalidIDs)
	}
	if rejected == 0 {
		return nil
	}
	var partial []byte
	partial = protowire.AppendTag(partial, 1, protowire.VarintType)
	partial = protowire.AppendVarint(partial, uint64(rejected)) // it is above 0
	partial = protowire.AppendTag(partial, 2, protowire.BytesType)
	partial = protowire.AppendString(partial, invalidIDs)
	return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), partial)
}

// answerOTLPError answers with a message google.rpc.Status.
func answerOTLPError(w http.ResponseWriter, contentType string, err error) {
	status, code := http.StatusBadRequest, codeInvalidArgument
	if refused, ok := errors.AsType[*refusal](err); ok {
		status = refused.status
		if status == http.StatusServiceUnavailable {
			code = codeUnavailable
		}
	}
	var body []byte
	if contentType == jsonText {
		message, _ := json.Marshal(err.Error()) // a string has JSON
		body = fmt.Appendf(nil, `{"code":%d,"message":%s}`, code, message)
	} else {
		body = protowire.AppendTag(body, 1, protowire.VarintType)
		body = protowire.AppendVarint(body, uint64(code))
		body = protowire.AppendTag(body, 2, protowire.BytesType)
		body = protowire.AppendString(body, err.Error())
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // if it fails, no reader is left
}

// AddOTLP stores spans that a receiver of OTLP over another transport than HTTP has read, of size
// bytes. It returns how many of them it has rejected, because they have no valid ids.
func (c *Collector) AddOTLP(resources []*tracepb.ResourceSpans, size int) (rejected int) {
	s, _ := workspaces.Get().(*workspace)
	defer s.release()
	spans, rejected := otlp.NewConverter(s.decoder).Convert(resources)
	c.add("grpc", size, spans)
	c.refuseInvalid(rejected)
	return rejected
}
