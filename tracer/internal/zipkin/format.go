package zipkin

import (
	"bookservice/tracer/delivery"
	"bookservice/tracer/finished"
	"bookservice/tracer/internal/encoding"
)

// A Format is a format in which Zipkin's collectors accept spans.
type Format string

// The formats of Zipkin's v2 API.
const (
	Proto Format = "proto"
	JSON  Format = "json"
)

// Encode appends the span as one element of a batch.
func (f Format) Encode(b []byte, s *finished.Span) []byte {
	if f == JSON {
		return encoding.AppendJSON(b, s)
	}
	return encoding.AppendProto(b, s)
}

// Message returns the batch as a list of spans. It may share memory with the batch.
func (f Format) Message(batch delivery.Batch) []byte {
	if f == Proto {
		return batch.Bytes() // concatenated protobuf lists are one list
	}
	list := append(make([]byte, 0, len(batch.Bytes())+batch.Len()+1), '[')
	for span := range batch.All() {
		list = append(append(list, span...), ',')
	}
	list[len(list)-1] = ']'
	return list
}

// ContentType returns the media type of a message.
func (f Format) ContentType() string {
	if f == JSON {
		return "application/json"
	}
	return "application/x-protobuf"
}
