package bookgrpc

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

// Times after which a client detects a lost connection and connects again. A gRPC server closes the
// connection of a client that pings more often than its policy permits: by default every 5 minutes,
// and only while a call is active (gRFC A8). The client cannot know the policy, so it detects lost
// connections by TCP, whose probes are not pings, and pings as rarely as the default requires.
const (
	probeAfter     = 10 * time.Second // TCP keepalive: without received data
	probeInterval  = time.Second
	probeCount     = 3
	unackedLimit   = 3 * time.Second // TCP_USER_TIMEOUT, which gRPC sets to the timeout of pings
	pingAfter      = 5*time.Minute + 30*time.Second
	minPing        = 5 * time.Second // that our servers permit
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

// streamWorkers is the number of goroutines of a server that serve one call after the other. A
// goroutine that is new for each call has to enlarge its stack each time, which is a tenth of the
// processor time of a call. Calls for which no worker is free get a goroutine of their own, so the
// number is no limit: a worker that serves a stream for hours delays no call.
const streamWorkers = 64

// Dial returns a plain-text connection to the server at addr (host:port). Dial does not wait for
// the connection: gRPC connects in the background, and repeats a failed attempt within 2.4 s. When
// an established connection is lost, the next call connects again.
//
// The connection is lost if the server's machine acknowledges no data for 3 s (Linux only), or no
// TCP keepalive probe for 13 s while the connection is idle. A server process that hangs on a
// machine that works does not lose its connection: its calls have to end by their deadline. The
// client sends no ping more often than every 5 minutes and none without an active call, so that a
// server with gRPC's default policy accepts them. If the environment names a proxy for addr, gRPC
// connects through it, and the probes of an idle connection are those of the operating system.
//
// opts are applied after [DialOptions]. The error is about opts or addr; a server that is not
// reachable is an error of each call. The caller must close the connection.
func Dial(addr string, opts ...grpc.DialOption) (*grpc.ClientConn, error) {
	// addr is one instance from discovery, so gRPC must not resolve it to several addresses.
	all := DialOptions()
	if !hasProxy(addr) { // a dialer disables gRPC's own support of proxies
		all = append(all, grpc.WithContextDialer(dialTCP))
	}
	conn, err := grpc.NewClient("passthrough:///"+addr, append(all, opts...)...)
	if err != nil {
		return nil, err
	}
	conn.Connect()
	return conn, nil
}

// hasProxy reports whether the environment names a proxy for addr, as gRPC determines it.
func hasProxy(addr string) bool {
	proxy, err := http.ProxyFromEnvironment(&http.Request{
		URL: &url.URL{Scheme: "https", Host: addr},
	})
	return proxy != nil || err != nil
}

// dialTCP connects to addr, and enables TCP keepalive. gRPC's own dialer leaves its times to the
// operating system: 2 hours in Linux.
func dialTCP(ctx context.Context, addr string) (net.Conn, error) {
	d := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: probeAfter, Interval: probeInterval, Count: probeCount,
	}}
	return d.DialContext(ctx, "tcp", addr)
}

// DialOptions returns the options of the connections that [Dial] makes, except the dialer: plain
// text, fixed flow-control windows, keepalive pings, the backoff between attempts to connect, and
// an interceptor for [RetryDelay], [NotSent] and [NotServed], which also decodes lists of books
// faster. Books of one list share memory.
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
		grpc.WithChainUnaryInterceptor(newInterceptor()),
		grpc.WithStaticStreamWindowSize(windowSize),
		grpc.WithStaticConnWindowSize(windowSize),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time: pingAfter, Timeout: unackedLimit,
		}),
	}
}

// ServerOptions returns the options for a gRPC server of the book service: fixed flow-control
// windows; goroutines that are used again for further calls; a limit of 128 KiB for the metadata of
// a call; and a keepalive policy that permits a ping every 5 s, also without calls, for clients
// that need it. By default gRPC closes connections that ping so often.
//
// A call with more metadata fails with codes.Internal: clients that obey the server's setting do
// not send it, and the stream of others is reset with FRAME_SIZE_ERROR, which has this code in
// gRPC.
func ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.StaticStreamWindowSize(windowSize),
		grpc.StaticConnWindowSize(windowSize),
		grpc.NumStreamWorkers(streamWorkers),
		grpc.MaxHeaderListSize(maxHeaderList),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{
			MinTime: minPing, PermitWithoutStream: true,
		}),
	}
}
