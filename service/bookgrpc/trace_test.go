package bookgrpc_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/mocktracer"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"bookservice/api/book"
	"bookservice/service"
	"bookservice/service/bookgrpc"
	"bookservice/service/inmem"
	"bookservice/tracer/tracertest/testkit"
)

// These tests use a tracer that keeps its spans in memory. The tests of tracer and cmd check what
// collectors receive.

// finishedSpans waits for n finished spans and returns them by kind. The server finishes its span
// after it has sent the response.
func finishedSpans(t *testing.T, tracer *mocktracer.MockTracer,
	n int) map[string]*mocktracer.MockSpan {
	t.Helper()
	testkit.Eventually(t, fmt.Sprintf("%d finished spans", n), func() bool {
		return len(tracer.FinishedSpans()) >= n
	})
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
	have := finishedSpans(t, tracer, 2)
	c, s := have["client"], have["server"]
	if c == nil || s == nil {
		t.Fatalf("have %v, want one client's span and one server's span", have)
	}
	if inService != s {
		t.Errorf("the service's context has span %v, want the server's", inService)
	}
	if c.ParentID != root.SpanContext.SpanID || s.ParentID != c.SpanContext.SpanID ||
		s.SpanContext.TraceID != root.SpanContext.TraceID {
		t.Errorf("root %v, client %v, server %v: want each to be the parent of the next",
			root, c, s)
	}
	for kind, span := range have {
		if want := "book.BookService/GetBookInfo"; span.OperationName != want {
			t.Errorf("%s's span: have name %q, want %q", kind, span.OperationName, want)
		}
	}
	wantClient := map[string]any{"span.kind": "client", "rpc.system": "grpc",
		"rpc.service": "book.BookService", "rpc.method": "GetBookInfo", "rpc.grpc.status_code": 0,
		"peer.service": "bookserver", "peer.address": "server.test:50051"}
	if diff := cmp.Diff(wantClient, comparableTags(c)); diff != "" {
		t.Errorf("the client's tags (-want +have):\n%s", diff)
	}
	wantServer := map[string]any{"span.kind": "server", "rpc.system": "grpc",
		"rpc.service": "book.BookService", "rpc.method": "GetBookInfo", "rpc.grpc.status_code": 0,
		"peer.address": "a net.Addr"}
	if diff := cmp.Diff(wantServer, comparableTags(s)); diff != "" {
		t.Errorf("the server's tags (-want +have):\n%s", diff)
	}
}

// comparableTags returns a span's tags with types that cmp can compare.
func comparableTags(span *mocktracer.MockSpan) map[string]any {
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

// The server's span is an error if the server failed. The client's span is an error unless the call
// returned a result or a business error.
func TestErrorTags(t *testing.T) {
	serverErrors := map[string]bool{"too late": true, "deadline": true, "other": true,
		"internal": true, "own status": true, "own status OK": true, "own status nil": true}
	businessErrors := map[string]bool{"not found": true, "not found, wrapped": true,
		"invalid argument": true}
	for _, tt := range statusTests {
		t.Run(tt.name, func(t *testing.T) {
			tracer := mocktracer.New()
			conn, _ := serve(t, failing(tt.err), tracer)
			_, err := bookgrpc.NewClient(conn, tracer).BookInfo(t.Context(), 1)
			have := finishedSpans(t, tracer, 2)
			checkError(t, have["server"], serverErrors[tt.name])
			checkError(t, have["client"], !businessErrors[tt.name])
			for kind, span := range have {
				code, want := span.Tag("rpc.grpc.status_code"), int(status.Code(err))
				if code != want {
					t.Errorf("%s's span: have status %v, want %d", kind, code, want)
				}
			}
		})
	}
}

// checkError checks that a span has the tag error=true and a log record of the error. If want is
// false, it checks that the span has neither: some backends display error=false as an error.
func checkError(t *testing.T, span *mocktracer.MockSpan, want bool) {
	t.Helper()
	have, tagged := span.Tags()["error"]
	if tagged != want || want && have != true {
		t.Errorf("%v's span: have tag error %v (%t), want it %t",
			span.Tag("span.kind"), have, tagged, want)
	}
	logged := map[string]bool{}
	for _, record := range span.Logs() {
		for _, field := range record.Fields {
			logged[field.Key] = true
		}
	}
	if logged["event"] != want || logged["error.object"] != want {
		t.Errorf("%v's span: have log records %v, want an error %t",
			span.Tag("span.kind"), span.Logs(), want)
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
	_, err := bookgrpc.NewClient(conn, tracer).BookInfo(ctx, 1)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("have %v, want %v", err, context.Canceled)
	}
	for kind, span := range finishedSpans(t, tracer, 2) {
		checkError(t, span, false)
		if code := span.Tag("rpc.grpc.status_code"); code != 1 {
			t.Errorf("%s's span: have status %v, want 1 (CANCELLED)", kind, code)
		}
	}
	if log.String() != "" {
		t.Errorf("log: have %s, want nothing about the cancellation", log.String())
	}
}

// The caller's own deadline is an error of the client's span: the call returned no result in time.
func TestOwnDeadlineIsAnErrorOfTheSpan(t *testing.T) {
	tracer := mocktracer.New()
	conn, _ := serve(t, funcs{info: func(ctx context.Context, _ int32) (service.Book, error) {
		<-ctx.Done()
		return service.Book{}, ctx.Err()
	}}, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := bookgrpc.NewClient(conn, tracer).BookInfo(ctx, 1)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("have %v, want %v", err, context.DeadlineExceeded)
	}
	span := finishedSpans(t, tracer, 1)["client"]
	checkError(t, span, true)
	if code := span.Tag("rpc.grpc.status_code"); code != 4 {
		t.Errorf("have status %v, want 4 (DEADLINE_EXCEEDED)", code)
	}
}

func TestAliasHasTheSameSpan(t *testing.T) {
	tracer := mocktracer.New()
	conn, _ := serve(t, inmem.Default(), tracer)
	var params book.BookListParams
	var page book.BookList
	if err := conn.Invoke(t.Context(), "/BookService/GetBookList", &params, &page); err != nil {
		t.Fatal(err)
	}
	s := finishedSpans(t, tracer, 1)["server"]
	want := "book.BookService/GetBookList"
	if s == nil || s.OperationName != want || s.ParentID != 0 {
		t.Errorf("have %v, want a root span %s", s, want)
	}
}

// Without a tracer the service's context has no span, the request has no trace headers, and a span
// of another tracer in the client's context stays unchanged.
func TestNoopTracerInstallsNothing(t *testing.T) {
	for _, tracer := range []opentracing.Tracer{opentracing.NoopTracer{}, nil} {
		t.Run(fmt.Sprintf("%T", tracer), func(t *testing.T) {
			var headers metadata.MD
			var span opentracing.Span
			info := func(ctx context.Context, id int32) (service.Book, error) {
				headers, _ = metadata.FromIncomingContext(ctx)
				span = opentracing.SpanFromContext(ctx)
				return service.Book{ID: id, Name: "a"}, nil
			}
			conn, _ := serve(t, funcs{info: info}, tracer)
			foreign := mocktracer.New().StartSpan("foreign").(*mocktracer.MockSpan)
			ctx := opentracing.ContextWithSpan(t.Context(), foreign)
			if _, err := bookgrpc.NewClient(conn, tracer).BookInfo(ctx, 1); err != nil {
				t.Fatal(err)
			}
			if span != nil {
				t.Errorf("service: have span %v, want none", span)
			}
			if len(headers) != 3 { // :authority, content-type, user-agent
				t.Errorf("service: have headers %v, want the 3 of gRPC", headers)
			}
			if tags := foreign.Tags(); len(tags) != 0 {
				t.Errorf("foreign span: have tags %v, want none", tags)
			}
		})
	}
}

func TestPeerOptions(t *testing.T) {
	tracer := mocktracer.New()
	conn, log := serve(t, inmem.Default(), nil)
	client := bookgrpc.NewClient(conn, tracer, bookgrpc.WithPeerService("library"),
		bookgrpc.WithPeerAddress("[::1]:80"), bookgrpc.WithClientLogger(newLogger(log)))
	if _, err := client.BookList(t.Context(), 1, 1); err != nil {
		t.Fatal(err)
	}
	span := finishedSpans(t, tracer, 1)["client"]
	if span.Tag("peer.service") != "library" || span.Tag("peer.address") != "[::1]:80" {
		t.Errorf("have tags %v, want peer.service library and peer.address [::1]:80", span.Tags())
	}
}
