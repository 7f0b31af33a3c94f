package client_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"bookservice/api/book"
	"bookservice/service/bookendpoint"
	"bookservice/service/client"
)

// A foreign server implements the service on the generated code, with gRPC's default options. It
// records the metadata of its calls.
type foreign struct {
	book.UnimplementedBookServiceServer
	info func(ctx context.Context, n int) (*book.BookInfo, error) // n counts the calls from 1

	addr string
	mu   sync.Mutex
	seen []metadata.MD
}

func (f *foreign) GetBookInfo(ctx context.Context, _ *book.BookInfoParams) (*book.BookInfo, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	f.mu.Lock()
	f.seen = append(f.seen, md)
	n := len(f.seen)
	f.mu.Unlock()
	return f.info(ctx, n)
}

func (f *foreign) calls() []metadata.MD {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen
}

// startForeign serves on a free port of 127.0.0.1 until the test ends.
func startForeign(t *testing.T,
	info func(ctx context.Context, n int) (*book.BookInfo, error)) *foreign {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &foreign{info: info, addr: listener.Addr().String()}
	server := grpc.NewServer()
	book.RegisterBookServiceServer(server, f)
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return f
}

// Attempts after the first are numbered in the metadata, those that were not sent excluded.
func TestPreviousAttemptsAreSent(t *testing.T) {
	f := startForeign(t, func(_ context.Context, n int) (*book.BookInfo, error) {
		if n < 3 {
			return nil, status.Error(codes.Unavailable, "not yet")
		}
		return &book.BookInfo{BookId: 1}, nil
	})
	c := dial(t, quick(nil), f.addr)
	if _, err := c.BookInfo(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, md := range f.calls() {
		have = append(have, strings.Join(md["grpc-previous-rpc-attempts"], "+"))
	}
	if got := strings.Join(have, ","); got != ",1,2" {
		t.Errorf("grpc-previous-rpc-attempts: have %q, want none, 1, 2", got)
	}
}

// A response that the server cannot encode cannot be sent by any server, and no other call fails
// because of it. The same holds for a response that is larger than the client's limit.
func TestUnsendableMessageIsNotRetriedAndOpensNoBreaker(t *testing.T) {
	tests := []struct {
		name string
		book string
		code codes.Code
	}{
		{"not UTF-8", "\xff", codes.Internal},
		{"too large", strings.Repeat("x", 5<<20), codes.ResourceExhausted},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var repaired atomic.Bool
			answer := func(context.Context, int) (*book.BookInfo, error) {
				if repaired.Load() {
					return &book.BookInfo{BookId: 1}, nil
				}
				return &book.BookInfo{BookId: 1, BookName: tt.book}, nil
			}
			a, b := startForeign(t, answer), startForeign(t, answer)
			c := dial(t, quick(nil), a.addr, b.addr)
			for range 12 {
				if _, err := c.BookInfo(t.Context(), 1); status.Code(err) != tt.code {
					t.Fatalf("have %v, want %v", err, tt.code)
				}
			}
			if have := len(a.calls()) + len(b.calls()); have != 12 {
				t.Errorf("have %d attempts, want 12: one for each call", have)
			}
			repaired.Store(true)
			for range 2 {
				if _, err := c.BookInfo(t.Context(), 1); err != nil {
					t.Errorf("another call: have %v, want success", err)
				}
			}
		})
	}
}

// A server that rejects nine of ten calls gets no more load, and its breaker stays closed.
func TestLimitedServerGetsNoRetries(t *testing.T) {
	f := startForeign(t, func(_ context.Context, n int) (*book.BookInfo, error) {
		if n%10 == 0 {
			return &book.BookInfo{BookId: 1}, nil
		}
		return nil, status.Error(codes.ResourceExhausted, bookendpoint.ErrLimited.Error())
	})
	c := dial(t, client.DefaultConfig(), f.addr)
	const calls = 100
	accepted := 0
	for range calls {
		switch _, err := c.BookInfo(t.Context(), 1); status.Code(err) {
		case codes.OK:
			accepted++
		case codes.ResourceExhausted:
		default:
			t.Errorf("have %v, want ResourceExhausted", err)
		}
	}
	if have := len(f.calls()); have != calls || accepted != calls/10 {
		t.Errorf("have %d attempts and %d answers, want %d and %d",
			have, accepted, calls, calls/10)
	}
}
