package bookgrpc_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"bookservice/api/book"
	"bookservice/service"
	"bookservice/service/bookgrpc"
	"bookservice/service/inmem"

	"github.com/google/go-cmp/cmp"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/mocktracer"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// These are quick checks with a tracer that keeps spans in memory. What collectors receive is tested in tracer and cmd.

// spans waits for n finished spans and returns them by kind.
func spans(t *testing.T, tracer *mocktracer.MockTracer, n int) map[string]*mocktracer.MockSpan {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for limit := time.Now().Add(5 * time.Second); len(tracer.FinishedSpans()) < n && time.Now().Before(limit); {
		<-tick.C // the server finishes its span after it has answered
	}
	have := tracer.FinishedSpans()
	if len(have) != n {
		t.Fatalf("have %d finished spans, want %d: %v", len(have), n, have)
	}
	byKind := map[string]*mocktracer.MockSpan{}
	for _, s := range have {
		byKind[fmt.Sprint(s.Tag("span.kind"))] = s
	}
	return byKind
}

func TestOneSpanOnEachSide(t *testing.T) {
	tracer := mocktracer.New()
	var inService opentracing.Span
	catalogue := inmem.Default()
	conn, _ := serve(t, funcs{info: func(ctx context.Context, id int32) (service.Book, error) {
		inService = opentracing.SpanFromContext(ctx)
		return catalogue.BookInfo(ctx, id)
	}}, tracer)
	client := bookgrpc.NewClient(conn, tracer)

	root := tracer.StartSpan("root").(*mocktracer.MockSpan)
	if _, err := client.BookInfo(opentracing.ContextWithSpan(t.Context(), root), 1); err != nil {
		t.Fatal(err)
	}
	have := spans(t, tracer, 2)
	c, s := have["client"], have["server"]
	if c == nil || s == nil {
		t.Fatalf("have %v, want one client's and one server's", have)
	}
	if inService != s {
		t.Error("the span in the service's context is not the server's")
	}
	if c.ParentID != root.SpanContext.SpanID || s.ParentID != c.SpanContext.SpanID ||
		s.SpanContext.TraceID != root.SpanContext.TraceID {
		t.Errorf("root %v, client %v, server %v: want each the parent of the next", root, c, s)
	}
	for _, span := range have {
		if span.OperationName != "book.BookService/GetBookInfo" {
			t.Errorf("have span %q", span.OperationName)
		}
	}
	wantClient := map[string]any{"span.kind": "client", "rpc.system": "grpc", "rpc.service": "book.BookService",
		"rpc.method": "GetBookInfo", "rpc.grpc.status_code": 0, "peer.service": "bookserver",
		"peer.address": "server.test:50051"}
	if diff := cmp.Diff(wantClient, plain(c)); diff != "" {
		t.Errorf("the client's tags (-want +have):\n%s", diff)
	}
	wantServer := map[string]any{"span.kind": "server", "rpc.system": "grpc", "rpc.service": "book.BookService",
		"rpc.method": "GetBookInfo", "rpc.grpc.status_code": 0, "peer.address": "a net.Addr"}
	if diff := cmp.Diff(wantServer, plain(s)); diff != "" {
		t.Errorf("the server's tags (-want +have):\n%s", diff)
	}
}

// plain returns a span's tags with types that cmp can compare.
func plain(span *mocktracer.MockSpan) map[string]any {
	tags := span.Tags()
	for key, value := range tags {
		if _, ok := value.(net.Addr); ok {
			tags[key] = "a net.Addr"
		} else if key == "span.kind" {
			tags[key] = fmt.Sprint(value)
		}
	}
	return tags
}

// The server's span is an error by the server's fault only; the client's is one unless the call brought an answer.
func TestErrorTags(t *testing.T) {
	faults := map[string]bool{"too late": true, "deadline": true, "unknown": true, "logged before": true,
		"has a status": true, "claims to be OK": true, "claims to have a status": true}
	answers := map[string]bool{"not found": true, "not found, wrapped": true, "invalid argument": true}
	for _, tt := range statusTests {
		t.Run(tt.name, func(t *testing.T) {
			tracer := mocktracer.New()
			conn, _ := serve(t, failing(tt.err), tracer)
			_, err := bookgrpc.NewClient(conn, tracer).BookInfo(t.Context(), 1)
			have := spans(t, tracer, 2)
			checkError(t, have["server"], faults[tt.name])
			checkError(t, have["client"], !answers[tt.name])
			for kind, span := range have {
				if span.Tag("rpc.grpc.status_code") != int(status.Code(err)) {
					t.Errorf("%s: have status %v, want %d", kind, span.Tag("rpc.grpc.status_code"), status.Code(err))
				}
			}
		})
	}
}

// checkError wants error=true with a log of the error, or no tag error at all: error=false is an error to some.
func checkError(t *testing.T, span *mocktracer.MockSpan, want bool) {
	t.Helper()
	have, tagged := span.Tags()["error"]
	if tagged != want || want && have != true {
		t.Errorf("%v: have tag error %v (%t), want it %t", span.Tag("span.kind"), have, tagged, want)
	}
	logged := map[string]bool{}
	for _, record := range span.Logs() {
		for _, field := range record.Fields {
			logged[field.Key] = true
		}
	}
	if logged["event"] != want || logged["error.object"] != want {
		t.Errorf("%v: have logs %v, want an error %t", span.Tag("span.kind"), span.Logs(), want)
	}
}

func TestOwnCancellationIsNoErrorOfTheSpan(t *testing.T) {
	tracer := mocktracer.New()
	ctx, cancel := context.WithCancel(t.Context())
	conn, log := serve(t, funcs{info: func(ctx context.Context, _ int32) (service.Book, error) {
		cancel()
		<-ctx.Done()
		return service.Book{}, ctx.Err()
	}}, tracer)
	if _, err := bookgrpc.NewClient(conn, tracer).BookInfo(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("have %v, want %v", err, context.Canceled)
	}
	for _, span := range spans(t, tracer, 2) {
		checkError(t, span, false)
		if span.Tag("rpc.grpc.status_code") != 1 {
			t.Errorf("%v: have status %v, want 1", span.Tag("span.kind"), span.Tag("rpc.grpc.status_code"))
		}
	}
	if log.String() != "" {
		t.Errorf("the client's cancellation is logged: %s", log)
	}
}

func TestAliasHasTheSameSpan(t *testing.T) {
	tracer := mocktracer.New()
	conn, _ := serve(t, inmem.Default(), tracer)
	err := conn.Invoke(t.Context(), "/BookService/GetBookList", &book.BookListParams{}, &book.BookList{})
	if err != nil {
		t.Fatal(err)
	}
	s := spans(t, tracer, 1)["server"]
	if s == nil || s.OperationName != "book.BookService/GetBookList" || s.ParentID != 0 {
		t.Errorf("have %v, want a root span of the service's own name", s)
	}
}

// With no tracer nothing is in the way: the service's context has no span, and the call no header of a trace.
func TestNoopTracerInstallsNothing(t *testing.T) {
	for _, tracer := range []opentracing.Tracer{opentracing.NoopTracer{}, nil} {
		var keys int
		var span opentracing.Span
		conn, _ := serve(t, funcs{info: func(ctx context.Context, id int32) (service.Book, error) {
			md, _ := metadata.FromIncomingContext(ctx)
			keys, span = len(md), opentracing.SpanFromContext(ctx)
			return service.Book{ID: id, Name: "a"}, nil
		}}, tracer)
		// A span that somebody else's tracer has put there is none of ours to send or to tag.
		foreign := mocktracer.New().StartSpan("foreign").(*mocktracer.MockSpan)
		ctx := opentracing.ContextWithSpan(t.Context(), foreign)
		if _, err := bookgrpc.NewClient(conn, tracer).BookInfo(ctx, 1); err != nil {
			t.Fatal(err)
		}
		if span != nil || keys != 3 || len(foreign.Tags()) != 0 { // :authority, content-type, user-agent
			t.Errorf("have span %v, %d headers, tags %v, want none, 3, none", span, keys, foreign.Tags())
		}
	}
}

func TestPeerOptions(t *testing.T) {
	tracer := mocktracer.New()
	conn, log := serve(t, inmem.Default(), nil)
	client := bookgrpc.NewClient(conn, tracer, bookgrpc.WithPeerService("library"), bookgrpc.WithPeerAddress("[::1]:80"),
		bookgrpc.WithClientLogger(log.logger()))
	if _, err := client.BookList(t.Context(), 1, 1); err != nil {
		t.Fatal(err)
	}
	span := spans(t, tracer, 1)["client"]
	if span.Tag("peer.service") != "library" || span.Tag("peer.address") != "[::1]:80" {
		t.Errorf("have tags %v", span.Tags())
	}
}
