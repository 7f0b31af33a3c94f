package interop_test

import (
	"context"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
)

// A callFunc returns the name of the book with the id. The call belongs to the span in ctx.
type callFunc func(ctx context.Context, id int32) (name string, err error)

// A party is a server and a client of the book service with an instrumentation.
type party interface {
	// server returns a server that answers with the result of answer.
	server(answer callFunc) *grpc.Server
	// client returns a function that calls the server at addr.
	client(t *testing.T, addr string) callFunc
	// root starts a trace. finish finishes its root span.
	root(ctx context.Context) (with context.Context, traceID string, finish func())
	// close sends the spans that have not been sent.
	close(ctx context.Context) error
}

// An openFunc opens a party that sends its spans to the collector, as spans of the named service.
type openFunc func(t *testing.T, c collector, service string) party

// found answers every call with the name of a book.
func found(context.Context, int32) (string, error) { return "21天精通php", nil }

// serve serves the party on a free port. stop waits for the calls in progress.
func serve(t *testing.T, p party, answer callFunc) (addr string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := p.server(answer)
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	t.Cleanup(func() { srv.Stop(); <-done })
	return l.Addr().String(), srv.GracefulStop
}

// call calls the server once, closes both parties and returns the id of the trace.
func call(t *testing.T, client, server party) string {
	t.Helper()
	addr, stop := serve(t, server, found)
	ctx, id, finish := client.root(t.Context())
	name, err := client.client(t, addr)(ctx, 1)
	finish()
	stop()
	closeAll(t, client, server)
	if err != nil || name != "21天精通php" {
		t.Fatalf("have %q, %v", name, err)
	}
	return id
}

// closeAll closes the parties.
func closeAll(t *testing.T, parties ...party) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for _, p := range parties {
		if err := p.close(ctx); err != nil {
			t.Error(err)
		}
	}
}
