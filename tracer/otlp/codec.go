package otlp

import (
	"fmt"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
)

// A codec sends encoded requests and decodes answers. The codecs that gRPC has registered are not
// used: a program may have replaced that of protobuf.
type codec struct{}

// Name returns the subtype of the content type application/grpc.
func (codec) Name() string { return "proto" }

// Marshal returns the request, an encoded message.
func (codec) Marshal(v any) (mem.BufferSlice, error) {
	request, ok := v.([]byte)
	if !ok {
		return nil, fmt.Errorf("request of type %T", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(request)}, nil
}

// Unmarshal decodes an answer. If it cannot be decoded, v is empty: the status counts.
func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	message, ok := v.(proto.Message)
	if !ok {
		return fmt.Errorf("answer of type %T", v)
	}
	if proto.Unmarshal(data.Materialize(), message) != nil {
		proto.Reset(message)
	}
	return nil
}
