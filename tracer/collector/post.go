package collector

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"

	"bookservice/tracer/collector/internal/zipkinv2"
)

// A workspace is what decoding a body takes. It is used again.
type workspace struct {
	decoder  *zipkinv2.Decoder
	body     bytes.Buffer
	unfolded bytes.Buffer
	unzip    *gzip.Reader
}

// maxKept is the size of a buffer that is kept for the next body.
const maxKept = 1 << 20

var workspaces = sync.Pool{New: func() any {
	return &workspace{decoder: zipkinv2.NewDecoder(), unzip: new(gzip.Reader)}
}}

func (s *workspace) release() {
	if s.body.Cap() > maxKept {
		s.body = bytes.Buffer{}
	}
	if s.unfolded.Cap() > maxKept {
		s.unfolded = bytes.Buffer{}
	}
	workspaces.Put(s)
}

// A refusal is the answer to a message that is not stored.
type refusal struct {
	status int
	text   string
	reason string // in the counters
}

func (r *refusal) Error() string { return r.text }

func malformed(text string) error {
	return &refusal{http.StatusBadRequest, text, "malformed"}
}

// A decode reads the spans of a body. The workspace's decoder is for its use.
type decode func(s *workspace, body []byte) ([]*zipkinv2.Span, error)

// receive reads, decodes and stores a body. It returns an error if it has stored nothing.
func (c *Collector) receive(w http.ResponseWriter, r *http.Request, read decode) error {
	c.ReportLosses(r.Header.Get(LossesHeader))
	s, _ := workspaces.Get().(*workspace)
	defer s.release()
	err := c.decode(w, r, s, read)
	if err == nil {
		return nil
	}
	c.metrics.of("http").dropped()
	var refused *refusal
	if !errors.As(err, &refused) {
		refused = &refusal{http.StatusBadRequest, err.Error(), "malformed"}
	}
	c.store.Refuse(refused.reason, 1)
	return refused
}

func (c *Collector) decode(
	w http.ResponseWriter, r *http.Request, s *workspace, read decode,
) error {
	s.body.Reset()
	if n := r.ContentLength; n > 0 && n <= c.config.MaxBody {
		s.body.Grow(int(n) + bytes.MinRead)
	}
	_, err := s.body.ReadFrom(http.MaxBytesReader(w, r.Body, c.config.MaxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return &refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf(
			"body is larger than %d bytes\n", c.config.MaxBody), "too large"}
	case err != nil:
		return &refusal{http.StatusBadRequest, err.Error() + "\n", "cut off"}
	}
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-r.Context().Done():
		return &refusal{http.StatusServiceUnavailable, "request canceled\n", "cut off"}
	}
	body := s.body.Bytes()
	if len(body) > 0 && strings.Contains(r.Header.Get("Content-Encoding"), "gzip") {
		if body, err = s.gunzip(body, c.config.MaxUnfolded); err != nil {
			return err
		}
	}
	spans, err := read(s, body)
	if err != nil {
		return err
	}
	c.add("http", len(body), spans)
	return nil
}

// gunzip unfolds a body. Of a body that is cut off it returns what there is, as Zipkin does.
func (s *workspace) gunzip(body []byte, limit int64) ([]byte, error) {
	s.unfolded.Reset()
	err := s.unzip.Reset(bytes.NewReader(body))
	if err == nil {
		_, err = io.Copy(&s.unfolded, io.LimitReader(s.unzip, limit+1))
	}
	switch {
	case err != nil && s.unfolded.Len() == 0:
		return nil, malformed("Cannot gunzip spans")
	case int64(s.unfolded.Len()) > limit:
		return nil, &refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf(
			"body unfolds to more than %d bytes\n", limit), "too large"}
	}
	return s.unfolded.Bytes(), nil
}

func (c *Collector) postV2(w http.ResponseWriter, r *http.Request) {
	format, read := "JSON_V2", decodeJSON
	if mediaType(r) == "application/x-protobuf" {
		format, read = "PROTO3", decodeProto
	}
	c.answerPost(w, c.receive(w, r, func(s *workspace, body []byte) ([]*zipkinv2.Span, error) {
		if empty(body) {
			return nil, nil
		}
		if !isList(body) {
			return nil, malformed("Expected a " + format + " encoded list\n")
		}
		if format == "JSON_V2" && bytes.Contains(body, []byte(`yAnnotations"`)) {
			return nil, malformed("Expected a JSON_V2 encoded list, but received: JSON_V1\n")
		}
		return read(s, body)
	}))
}

func decodeJSON(s *workspace, body []byte) ([]*zipkinv2.Span, error) {
	return s.decoder.ReadJSON(body)
}

func decodeProto(s *workspace, body []byte) ([]*zipkinv2.Span, error) {
	return s.decoder.ReadProto(body)
}

// postV1 refuses spans of Zipkin's first format.
func (c *Collector) postV1(w http.ResponseWriter, r *http.Request) {
	format := "JSON_V1"
	if mediaType(r) == "application/x-thrift" {
		format = "THRIFT"
	}
	c.answerPost(w, c.receive(w, r, func(_ *workspace, body []byte) ([]*zipkinv2.Span, error) {
		switch {
		case empty(body):
			return nil, nil
		case !isList(body):
			return nil, malformed("Expected a " + format + " encoded list\n")
		case format == "JSON_V1" && (bytes.Contains(body, []byte(`Endpoint"`)) ||
			bytes.Contains(body, []byte(`"tags"`))):
			return nil, malformed("Expected a JSON_V1 encoded list, but received: JSON_V2\n")
		}
		return nil, malformed("v1 spans are not supported: send v2 spans to /api/v2/spans\n")
	}))
}

func (c *Collector) answerPost(w http.ResponseWriter, err error) {
	if refused, ok := errors.AsType[*refusal](err); ok {
		text(w, refused.status, anyText, refused.text)
		return
	}
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusAccepted)
}

func empty(body []byte) bool { return len(body) == 0 || string(body) == "[]" }

// isList reports whether a body begins like a list in one of Zipkin's formats.
func isList(body []byte) bool {
	switch body[0] {
	case '[', 11, 12: // JSON, thrift
		return true
	case 10: // protobuf
		return len(body) > 1 && body[1] != 0
	}
	return false
}

// mediaType returns the type of the body, without parameters.
func mediaType(r *http.Request) string {
	value, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		value, _, _ = strings.Cut(r.Header.Get("Content-Type"), ";")
		return strings.ToLower(strings.TrimSpace(value))
	}
	return value
}
