package bookgrpc

import (
	"time"

	grpctransport "github.com/go-kit/kit/transport/grpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

// How a client finds out about a server that is gone without a word, and about one that is back.
const (
	pingAfter      = 10 * time.Second // of silence; the least that gRPC allows a client
	pingTimeout    = 3 * time.Second
	connectTimeout = 3 * time.Second
	reconnectMax   = 2 * time.Second // between two attempts to connect
)

// window is how much of a stream, and of a connection, may be on its way: more than the longest list of books needs. As
// it is fixed gRPC does not estimate the bandwidth, for which it would send a ping along with most calls.
const window = 1 << 20

// Dial returns a connection to the server at addr, host:port, in plain text. It is made in the background and made again
// whenever it is lost: within 2 s of the server being back. A peer that does not answer is noticed within 13 s, calls or
// no calls. The options come after Dial's own. The error is about the options or the address; that there is no server is
// each call's error. The caller must close the connection.
func Dial(addr string, opts ...grpc.DialOption) (*grpc.ClientConn, error) {
	// passthrough: the address is one instance, as discovery found it, and not a name to be resolved to several.
	conn, err := grpc.NewClient("passthrough:///"+addr, append(DialOptions(), opts...)...)
	if err != nil {
		return nil, err
	}
	conn.Connect()
	return conn, nil
}

// DialOptions returns what [Dial] makes its connections with.
func DialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{
				BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: reconnectMax,
			},
			MinConnectTimeout: connectTimeout,
		}),
		grpc.WithStaticStreamWindowSize(window),
		grpc.WithStaticConnWindowSize(window),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time: pingAfter, Timeout: pingTimeout, PermitWithoutStream: true,
		}),
	}
}

// ServerOptions returns what a gRPC server of the book service is made with: go-kit's interceptor, which puts the method
// into the context, fixed windows, and leave for clients to ping as often as [Dial]'s do. gRPC's own default takes that for
// abuse and cuts the connection.
func ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ChainUnaryInterceptor(grpctransport.Interceptor),
		grpc.StaticStreamWindowSize(window),
		grpc.StaticConnWindowSize(window),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: pingAfter / 2, PermitWithoutStream: true}),
	}
}
