package tracer_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	kitot "github.com/go-kit/kit/tracing/opentracing"
	grpctransport "github.com/go-kit/kit/transport/grpc"
	"github.com/opentracing/opentracing-go"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
)

// censusOf returns the value of grpc-trace-bin.
func censusOf(trace, span string, options byte) string {
	b, err := hex.DecodeString("0000" + trace + "01" + span + "02")
	if err != nil {
		panic(err)
	}
	return string(append(b, options))
}

// TestGRPCTraceBin extracts the forms of grpc-trace-bin: the bytes that gRPC passes on, and base64,
// in which HTTP and senders that encode twice have them. want is the extracted context, injected as
// b3.
func TestGRPCTraceBin(t *testing.T) {
	const want = trace128 + "-" + span1
	sampled := censusOf(trace128, span1, 1)
	for name, test := range map[string]struct{ value, want string }{
		"sampled":               {sampled, want + "-1"},
		"not sampled":           {censusOf(trace128, span1, 0), want + "-0"},
		"other options":         {censusOf(trace128, span1, 0xfe), want + "-0"},
		"no options":            {sampled[:27], want},
		"options without value": {sampled[:28], want},
		"unknown field":         {sampled[:27] + "\x07\x01", want},
		"later fields":          {sampled + "\x03later", want + "-1"},
		"64 bits": {censusOf(zeros16+trace64, span1, 1),
			trace64 + "-" + span1 + "-1"},
		"ends in white space": {censusOf(trace128, span1, ' '), want + "-0"},
		"base64":              {base64.StdEncoding.EncodeToString([]byte(sampled)), want + "-1"},
		"base64 without padding": {base64.RawStdEncoding.EncodeToString([]byte(sampled)),
			want + "-1"},
	} {
		t.Run(name, func(t *testing.T) {
			checkExtracted(t, lines{{"Grpc-Trace-Bin", test.value}}, test.want, nil)
		})
	}
	for name, value := range map[string]string{
		"another version":    "\x01" + sampled[1:],
		"no trace id":        "\x00\x01" + sampled[19:],
		"trace id of zeros":  censusOf(zeros16+zeros16, span1, 1),
		"short":              sampled[:26],
		"version alone":      "\x00",
		"other field first":  sampled[:18] + "\x02\x01" + sampled[18:27],
		"long":               sampled + strings.Repeat("x", 512),
		"malformed base64":   "AAB*" + base64.StdEncoding.EncodeToString([]byte(sampled)),
		"long base64":        strings.Repeat("AAAA", 100),
		"base64 of too much": strings.Repeat("AAAA", 20),
		"text":               trace128,
	} {
		t.Run(name, func(t *testing.T) {
			checkExtracted(t, lines{{"grpc-trace-bin", value}}, "",
				opentracing.ErrSpanContextCorrupted)
		})
	}
	t.Run("two values", func(t *testing.T) {
		in := lines{{"grpc-trace-bin", sampled}, {"grpc-trace-bin", censusOf(trace128, parent1, 1)}}
		checkExtracted(t, in, "", opentracing.ErrSpanContextCorrupted)
	})
	t.Run("empty", func(t *testing.T) {
		checkExtracted(t, lines{{"grpc-trace-bin", ""}}, "", opentracing.ErrSpanContextNotFound)
	})
	t.Run("traceparent first", func(t *testing.T) {
		checkExtracted(t, lines{{"grpc-trace-bin", sampled}, {"traceparent", w3cParent},
			{"uber-trace-id", "1:1:0:1"}}, w3cTrace+"-1234567890123456-1", nil)
	})
	t.Run("then uber-trace-id", func(t *testing.T) {
		checkExtracted(t, lines{{"uber-trace-id", "1:1:0:1"}, {"grpc-trace-bin", sampled}},
			want+"-1", nil)
	})
}

// TestGRPCTraceBinOverGRPC calls a go-kit server over a real connection with the metadata of
// OpenCensus' clients. Then a go-kit client sends the bytes, which it encodes twice.
func TestGRPCTraceBinOverGRPC(t *testing.T) {
	tr, spans := memory(t, nil)
	start := kitot.GRPCToContext(tr, "server", nop)
	conn := serveGRPC(t, func(ctx context.Context) error {
		md, _ := metadata.FromIncomingContext(ctx)
		opentracing.SpanFromContext(start(ctx, md)).Finish()
		return nil
	})
	ctx := metadata.AppendToOutgoingContext(t.Context(), "grpc-trace-bin",
		censusOf(trace128, span1, 1))
	check := &healthpb.HealthCheckRequest{}
	if _, err := healthpb.NewHealthClient(conn).Check(ctx, check); err != nil {
		t.Fatal(err)
	}
	kit := grpctransport.NewClient(conn, "grpc.health.v1.Health", "Check", checkRequest,
		checkResponse, healthpb.HealthCheckResponse{}, grpctransport.ClientBefore(
			grpctransport.SetRequestHeader("grpc-trace-bin", censusOf(trace128, parent1, 1))))
	if _, err := kit.Endpoint()(t.Context(), check); err != nil {
		t.Fatal(err)
	}
	want := []string{span1, parent1}
	for i, s := range spans.Spans() {
		if s.TraceID.String() != trace128 || s.ParentID == nil || s.ParentID.String() != want[i] {
			t.Errorf("have parent %v of trace %v, want %s of %s", s.ParentID, s.TraceID, want[i],
				trace128)
		}
	}
	if have := len(spans.Spans()); have != 2 {
		t.Errorf("have %d spans, want 2", have)
	}
}
