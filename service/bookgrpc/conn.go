package bookgrpc

import (
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

// Times after which a client detects a lost connection and connects again.
const (
	pingAfter      = 10 * time.Second // without received data; gRPC's minimum for clients
	pingTimeout    = 3 * time.Second
	connectTimeout = 3 * time.Second
	reconnectMax   = 2 * time.Second // maximum delay between attempts to connect, before jitter
)

// windowSize is the flow-control window of a stream and of a connection in bytes. It is larger than
// a page of 1,000 books with ordinary names. With a fixed window gRPC does not estimate the
// bandwidth, which would add a ping to most calls.
const windowSize = 1 << 20

// maxHeaderList is the limit in bytes for the metadata of a call as gRPC counts them: names, values
// and 32 bytes for each. Without it the limit is 16 MiB, which costs a client 8 KiB, because a
// repeated value is one byte on the wire. The limit is twice the largest baggage that the tracer's
// settings allow (64 KiB): the other half is for tracestate and credentials.
const maxHeaderList = 128 << 10

// Dial returns a plain-text connection to the server at addr (host:port). Dial does not wait for
// the connection: gRPC connects in the background, and repeats a failed attempt within 2.4 s. When
// an established connection is lost, the next call connects again. A server that does not respond
// is detected within 13 s, also without calls.
//
// opts are applied after [DialOptions]. The error is about opts or addr; a server that is not
// reachable is an error of each call. The caller must close the connection.
func Dial(addr string, opts ...grpc.DialOption) (*grpc.ClientConn, error) {
	// addr is one instance from discovery, so gRPC must not resolve it to several addresses.
	conn, err := grpc.NewClient("passthrough:///"+addr, append(DialOptions(), opts...)...)
	if err != nil {
		return nil, err
	}
	conn.Connect()
	return conn, nil
}

// DialOptions returns the options of the connections that [Dial] makes: plain text, fixed
// flow-control windows, keepalive pings and the backoff between attempts to connect.
func DialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{
				BaseDelay:  50 * time.Millisecond,
				Multiplier: 1.6,
				Jitter:     0.2,
				MaxDelay:   reconnectMax,
			},
			MinConnectTimeout: connectTimeout,
		}),
		grpc.WithStaticStreamWindowSize(windowSize),
		grpc.WithStaticConnWindowSize(windowSize),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time: pingAfter, Timeout: pingTimeout, PermitWithoutStream: true,
		}),
	}
}

// ServerOptions returns the options for a gRPC server of the book service: fixed flow-control
// windows; a limit of 128 KiB for the metadata of a call; and a keepalive policy that permits the
// pings of [Dial]'s connections. By default gRPC closes connections that ping so often.
//
// A call with more metadata fails with codes.Internal: clients that obey the server's setting do
// not send it, and the stream of others is reset with FRAME_SIZE_ERROR, which has this code in
// gRPC.
func ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.StaticStreamWindowSize(windowSize),
		grpc.StaticConnWindowSize(windowSize),
		grpc.MaxHeaderListSize(maxHeaderList),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{
			MinTime: pingAfter / 2, PermitWithoutStream: true,
		}),
	}
}
