package bookgrpc_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"bookservice/api/book"
	"bookservice/service"
	"bookservice/service/bookendpoint"
	"bookservice/service/bookgrpc"
	"bookservice/service/inmem"
	"bookservice/tracer/tracertest/testkit"
)

// A server with gRPC's default policy accepts the pings of a client, idle or with a call that takes
// long, and keeps the connection. The clock is that of the synctest bubble.
func TestForeignServerAcceptsPings(t *testing.T) {
	for _, busy := range []bool{false, true} {
		t.Run(fmt.Sprintf("busy %t", busy), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn := dialPolicy(t, nil)
				waitForState(t, conn, connectivity.Ready, time.Second)
				const long = 25 * time.Minute // gRPC closes idle connections after 30 minutes
				ctx, cancel := context.WithTimeout(t.Context(), long)
				defer cancel()
				if busy {
					params := &book.BookInfoParams{BookId: 1}
					_, err := book.NewBookServiceClient(conn).GetBookInfo(ctx, params)
					if status.Code(err) != codes.DeadlineExceeded {
						t.Errorf("have %v, want DeadlineExceeded after %v", err, long)
					}
				} else if conn.WaitForStateChange(ctx, connectivity.Ready) {
					t.Errorf("have state %v, want Ready for %v", conn.GetState(), long)
				}
				if state := conn.GetState(); state != connectivity.Ready {
					t.Errorf("have state %v, want Ready", state)
				}
			})
		})
	}
}

// Our server permits a ping every 10 s, also without calls.
func TestPingsArePermitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		often := grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time: 10 * time.Second, Timeout: time.Second, PermitWithoutStream: true,
		})
		conn := dialPolicy(t, bookgrpc.ServerOptions(), often)
		waitForState(t, conn, connectivity.Ready, time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		if conn.WaitForStateChange(ctx, connectivity.Ready) {
			t.Errorf("have state %v, want Ready for 5 minutes", conn.GetState())
		}
	})
}

// dialPolicy returns a connection to a server with these options. Its calls do not return.
func dialPolicy(t *testing.T, server []grpc.ServerOption,
	opts ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	s := grpc.NewServer(server...)
	hanging := funcs{info: func(ctx context.Context, _ int32) (service.Book, error) {
		<-ctx.Done()
		return service.Book{}, ctx.Err()
	}}
	bookgrpc.Register(s, bookgrpc.NewServer(bookendpoint.New(hanging), nil, nil))
	done := make(chan error)
	go func() { done <- s.Serve(listener) }()
	opts = append(opts, grpc.WithContextDialer(dialerOf(listener)))
	conn, err := bookgrpc.Dial("server.test:50051", opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		s.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return conn
}

// waitForState waits until conn is in state want.
func waitForState(t *testing.T, conn *grpc.ClientConn, want connectivity.State,
	limit time.Duration) {
	t.Helper()
	for state := conn.GetState(); state != want; state = conn.GetState() {
		waitForChange(t, conn, state, limit)
	}
}

// waitForChange waits until conn leaves the state from.
func waitForChange(t *testing.T, conn *grpc.ClientConn, from connectivity.State,
	limit time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	if !conn.WaitForStateChange(ctx, from) {
		t.Fatalf("the connection is still in state %v after %v", from, limit)
	}
}

// Dial connects before the first call.
func TestDialConnects(t *testing.T) {
	conn, _ := serve(t, inmem.Default(), nil)
	waitForState(t, conn, connectivity.Ready, 30*time.Second)
}

// Dial repeats failed attempts without calls. The delay grows to 2 s and has a jitter of 20 %. The
// clock is that of the synctest bubble.
func TestDialRepeatsFailedAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var last time.Time
		var longest time.Duration
		dialer := func(context.Context, string) (net.Conn, error) {
			if !last.IsZero() {
				longest = max(longest, time.Since(last))
			}
			last = time.Now()
			return nil, io.ErrUnexpectedEOF
		}
		conn, err := bookgrpc.Dial("server.test:50051", grpc.WithContextDialer(dialer))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		<-time.After(time.Minute)
		conn.Close()
		synctest.Wait()
		if longest < 2*time.Second || longest > 2400*time.Millisecond {
			t.Errorf("the longest delay between attempts is %v, want 2s to 2.4s", longest)
		}
	})
}

// Neither side sends the pings with which gRPC estimates the bandwidth, because the flow-control
// windows are fixed on both sides.
func TestNoPingsForTheBandwidth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var client, server testkit.Buffer // the bytes that each side sends
		listener := bufconn.Listen(1 << 20)
		books := make([]service.Book, service.MaxLimit)
		for i := range books {
			books[i] = service.Book{ID: int32(i + 1), Name: "a book with a long name"}
		}
		catalogue, err := inmem.New(books...)
		if err != nil {
			t.Fatal(err)
		}
		grpcServer := grpc.NewServer(bookgrpc.ServerOptions()...)
		set := bookendpoint.New(catalogue)
		bookgrpc.Register(grpcServer, bookgrpc.NewServer(set, nil, nil))
		go grpcServer.Serve(listener)
		defer grpcServer.Stop()
		dialer := func(ctx context.Context, _ string) (net.Conn, error) {
			c, err := listener.DialContext(ctx)
			return recordingConn{Conn: c, sent: &client, received: &server}, err
		}
		conn, err := bookgrpc.Dial("server.test:50051", grpc.WithContextDialer(dialer))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		for range 3 {
			have, err := bookgrpc.NewClient(conn, nil).BookList(t.Context(), 1, service.MaxLimit)
			if err != nil || len(have) != len(books) {
				t.Fatalf("have %d books, %v, want %d", len(have), err, len(books))
			}
		}
		const preface = 24 // bytes before the client's first frame (RFC 9113, section 3.4)
		if n := pings(t, client.String()[preface:]) + pings(t, server.String()); n != 0 {
			t.Errorf("have %d pings, want none", n)
		}
	})
}

// A recordingConn records the bytes that it sends and receives.
type recordingConn struct {
	net.Conn
	sent, received io.Writer
}

func (c recordingConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	_, errRecord := c.sent.Write(p[:n])
	return n, errors.Join(err, errRecord)
}

func (c recordingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	_, errRecord := c.received.Write(p[:n])
	return n, errors.Join(err, errRecord)
}

// pings counts the PING frames in a sequence of HTTP/2 frames (RFC 9113, section 4.1).
func pings(t *testing.T, frames string) int {
	t.Helper()
	const header, ping = 9, 0x6
	count, data := 0, 0
	for len(frames) >= header {
		length := int(frames[0])<<16 | int(frames[1])<<8 | int(frames[2])
		switch frames[3] {
		case ping:
			count++
		case 0x0:
			data++
		}
		frames = frames[min(header+length, len(frames)):]
	}
	if data == 0 {
		t.Error("have no DATA frames, so the frames are not parsed correctly")
	}
	return count
}

// The transport credentials in the options of Dial replace its own, because they come last.
func TestDialOptionsComeLast(t *testing.T) {
	listener := bufconn.Listen(1 << 20)
	defer listener.Close()
	creds := credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12})
	conn, err := bookgrpc.Dial("server.test:50051",
		grpc.WithContextDialer(dialerOf(listener)), grpc.WithTransportCredentials(creds))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	first := make([]byte, 1)
	if _, err := io.ReadFull(accepted, first); err != nil {
		t.Fatal(err)
	}
	const handshake = 22 // the record type of a TLS ClientHello (RFC 8446, section 5.1)
	if first[0] != handshake {
		t.Errorf("the first byte is %d, want %d: a TLS handshake", first[0], handshake)
	}
}

func TestDialRefusesBadOptions(t *testing.T) {
	conn, err := bookgrpc.Dial("a:1", grpc.WithDefaultServiceConfig("no JSON"))
	if err == nil {
		conn.Close()
		t.Error("have no error")
	}
}
