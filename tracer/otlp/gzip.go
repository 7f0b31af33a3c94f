package otlp

import (
	"compress/gzip"
	"errors"
	"io"

	"google.golang.org/grpc"
)

// compression returns the options that compress requests, and decompress answers to them. The usual
// option needs package encoding/gzip, which registers gzip for all connections of the process: each
// of their calls would have one more header, which costs five allocations.
func compression() []grpc.DialOption {
	return []grpc.DialOption{
		//nolint:staticcheck // deprecated for that package, and supported throughout gRPC's v1
		grpc.WithCompressor(grpc.NewGZIPCompressor()),
		grpc.WithDecompressor(gunzip{}), //nolint:staticcheck // the same
	}
}

// maxResponse is the maximum size of a decompressed answer, in bytes.
const maxResponse = 4 << 20

var errResponseSize = errors.New("the collector's answer is larger than 4 MiB")

// A gunzip is a [grpc.Decompressor]. GRPC's own has no limit.
type gunzip struct{}

// Do implements [grpc.Decompressor].
func (gunzip) Do(r io.Reader) ([]byte, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(z, maxResponse+1))
	if err == nil && len(b) > maxResponse {
		err = errResponseSize
	}
	return b, err
}

// Type implements [grpc.Decompressor].
func (gunzip) Type() string { return "gzip" }
