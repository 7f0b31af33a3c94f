package main

import (
	"context"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"bookservice/api/book"
	"bookservice/cmd/bookbench/internal/side"
)

// Each row has a name of its own.
func TestRows(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rows() {
		if seen[r.name] {
			t.Errorf("two rows are named %q", r.name)
		}
		seen[r.name] = true
		if (r.spans > 0) != (r.share > 0) {
			t.Errorf("%s: have %d spans and the share %v", r.name, r.spans, r.share)
		}
	}
}

// TestHeaders checks which headers the client of each row sends to a server that is not ours.
func TestHeaders(t *testing.T) {
	_, at := startCollector(t, 0)
	const b3 = " x-b3-sampled x-b3-spanid x-b3-traceid"
	want := map[string]string{
		"raw grpc-go":                                          "",
		"go-kit, untraced":                                     "",
		"the tutorial's program":                               b3[1:],
		"go-kit, bare bridge, zipkin-go's reporter":            b3[1:],
		"the same behind go-kit's balancer, retry and hystrix": b3[1:],
		"otelgrpc, OTLP exporter, 100 %":                       "traceparent",
		"otelgrpc, OTLP exporter, 1 %":                         "traceparent",
		"otelgrpc, Zipkin exporter":                            "traceparent",
		"zipkin-go's stats handler":                            b3[1:],
		"kratos, OTLP exporter":                                "traceparent",
		"ours, untraced":                                       "",
		"ours, noop":                                           "",
		"ours, 1 %, traceparent alone":                         "traceparent",
		"ours, sampled, zipkin, default headers (as shipped)":  "traceparent" + b3,
		"ours, sampled, zipkin, traceparent alone":             "traceparent",
		"ours, sampled, OTLP over gRPC, default headers":       "traceparent" + b3,
		"ours, whole client, sampled, zipkin, default headers": "traceparent" + b3,
		"ours, whole client, untraced":                         "",
	}
	for _, r := range rows() {
		if r.program != "" {
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			var have []string
			server, client := &side.Env{}, &side.Env{}
			s := grpc.NewServer(grpc.UnaryInterceptor(func(ctx context.Context, in any,
				_ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
				have = traceHeaders(ctx)
				return handler(ctx, in)
			}))
			book.RegisterBookServiceServer(s, side.RawServer{Books: side.NewLibrary(0)})
			addr, err := server.Serve(s)
			if err != nil {
				t.Fatal(err)
			}
			client.Zipkin, client.OTLP = at.Zipkin, at.OTLP
			call, err := r.Dial(client, addr)
			if err != nil {
				t.Fatal(err)
			}
			if err := call(t.Context()); err != nil {
				t.Error(err)
			}
			if err := client.Close(); err != nil {
				t.Error(err)
			}
			if err := server.Close(); err != nil {
				t.Error(err)
			}
			if want, ok := want[r.name]; !ok || strings.Join(have, " ") != want {
				t.Errorf("have the headers %q, want %q", have, want)
			}
		})
	}
}

// traceHeaders returns the headers of tracers in the metadata of a call.
func traceHeaders(ctx context.Context) []string {
	md, _ := metadata.FromIncomingContext(ctx)
	var found []string
	for name := range md {
		for _, prefix := range []string{"trace", "b3", "x-b3", "baggage", "uber"} {
			if strings.HasPrefix(name, prefix) {
				found = append(found, name)
			}
		}
	}
	slices.Sort(found)
	return found
}
