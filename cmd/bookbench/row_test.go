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
		"raw grpc-go, heap as ours":                            "",
		"go-zero, OTLP exporter":                               "traceparent",
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
	var plans []plan
	for _, r := range rows() {
		plans = append(plans, plan{row: r})
	}
	files := build(t, plans...)
	for _, r := range rows() {
		t.Run(r.name, func(t *testing.T) {
			have, accepts := headersOf(t, files[r.client], side.Settings{
				Row: r.name, Zipkin: at.Zipkin, OTLP: at.OTLP, Heap: 1 << 25,
			})
			if want, ok := want[r.name]; !ok || have != want {
				t.Errorf("have the headers %q, want %q", have, want)
			}
			if (r.client == "plain" || r.ours) && accepts {
				t.Error("the program links gzip: each call has one more header")
			}
		})
	}
}

// headersOf returns which headers of tracers the client of a row sends, and whether it accepts
// compressed answers.
func headersOf(t *testing.T, program string, s side.Settings) (names string, accepts bool) {
	t.Helper()
	server := &side.Env{}
	seen := make(chan metadata.MD, 1)
	srv := grpc.NewServer(grpc.UnaryInterceptor(func(ctx context.Context, in any,
		_ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		md, _ := metadata.FromIncomingContext(ctx)
		seen <- md
		return handler(ctx, in)
	}))
	book.RegisterBookServiceServer(srv, side.RawServer{Books: side.NewLibrary(0)})
	addr, err := server.Serve(srv)
	if err != nil {
		t.Fatal(err)
	}
	client, err := startChild(t.Context(), program, side.RoleClient)
	if err != nil {
		t.Fatal(err)
	}
	defer client.end()
	for _, o := range []side.Order{
		{Do: "start", Settings: s, Server: addr},
		{Do: "call", Calls: 1, Callers: 1},
		{Do: "end"},
	} {
		if r, err := client.ask(o); err != nil || r.Failed > 0 {
			t.Fatalf("%s: have %v, %s", o.Do, err, r.Problem)
		}
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	md := <-seen
	return traceHeaders(md), len(md.Get("grpc-accept-encoding")) > 0
}

// traceHeaders returns the headers of tracers among the metadata.
func traceHeaders(md metadata.MD) string {
	var found []string
	for name := range md {
		for _, prefix := range []string{"trace", "b3", "x-b3", "baggage", "uber"} {
			if strings.HasPrefix(name, prefix) {
				found = append(found, name)
			}
		}
	}
	slices.Sort(found)
	return strings.Join(found, " ")
}
