// Package wire appends fields of protobuf messages to a buffer, without generated code. The
// encoders of Zipkin's and OpenTelemetry's formats share it.
package wire

import "google.golang.org/protobuf/encoding/protowire"

// AppendMessage appends a field that holds what body appends. It reserves one byte for the length
// and moves the body if the length needs more, which is cheaper than computing the length first.
func AppendMessage(b []byte, num protowire.Number, body func([]byte) []byte) []byte {
	b = protowire.AppendTag(b, num, protowire.BytesType)
	at := len(b)
	b = body(append(b, 0))
	size := len(b) - at - 1
	if extra := protowire.SizeVarint(uint64(size)) - 1; extra > 0 {
		b = append(b, make([]byte, extra)...)
		copy(b[at+1+extra:], b[at+1:at+1+size])
	}
	protowire.AppendVarint(b[:at], uint64(size))
	return b
}

// AppendBytes appends a field of bytes.
func AppendBytes(b []byte, num protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), v)
}

// AppendString appends a string field. It omits an empty string, as proto3 does.
func AppendString(b []byte, num protowire.Number, v string) []byte {
	if v == "" {
		return b
	}
	return protowire.AppendString(protowire.AppendTag(b, num, protowire.BytesType), v)
}

// AppendVarint appends an integer field. It omits zero, as proto3 does.
func AppendVarint(b []byte, num protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), v)
}

// AppendFixed32 appends a field of 32 bits.
func AppendFixed32(b []byte, num protowire.Number, v uint32) []byte {
	return protowire.AppendFixed32(protowire.AppendTag(b, num, protowire.Fixed32Type), v)
}

// AppendFixed64 appends a field of 64 bits.
func AppendFixed64(b []byte, num protowire.Number, v uint64) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(b, num, protowire.Fixed64Type), v)
}
