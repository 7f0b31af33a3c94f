package otlp

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"bookservice/tracer/internal/conns"
	"bookservice/tracer/internal/losses"
	"bookservice/tracer/internal/settings"
)

// userAgent identifies the exporter to the collector (OTLP specification: User-Agent).
const userAgent = "bookservice-tracer-OTLP"

// exportMethod is the method of the protocol's service.
const exportMethod = coltracepb.TraceService_Export_FullMethodName

// maxHeader is the maximum size of the headers of an answer, in bytes.
const maxHeader = 256 << 10

// A grpcClient exports over gRPC. It sends no keepalive pings: a collector with gRPC's defaults
// would take more than one in 5 minutes for abuse.
type grpcClient struct {
	to      target
	headers metadata.MD
	secrets settings.Secrets
	losses  *losses.Reporter
	conns   conns.Renewed[*grpc.ClientConn]
}

func dialGRPC(to target, c connection) client {
	creds := insecure.NewCredentials()
	if to.secure {
		creds = &tlsCredentials{credentials.NewTLS(c.tls.Config()), c.tls}
	}
	opts := []grpc.DialOption{
		grpc.WithTransportCredentials(creds),
		grpc.WithUserAgent(userAgent),
		grpc.WithDisableServiceConfig(), // the queue retries, not gRPC
		grpc.WithStatsHandler(answerHandler{}),
		grpc.WithMaxHeaderListSize(maxHeader),
		grpc.WithConnectParams(connectParams()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(codec{})),
	}
	if c.gzip {
		opts = append(opts, compression()...)
	}
	client := &grpcClient{
		to: to, headers: metadata.New(c.headers), secrets: settings.NewSecrets(c.secrets...),
		losses: c.losses,
	}
	client.conns.Open = func(sockets *conns.Sockets) (*grpc.ClientConn, error) {
		dial := grpc.WithContextDialer(client.dialer(sockets))
		return grpc.NewClient(to.name, append(opts, dial)...)
	}
	client.conns.Shut = func(conn *grpc.ClientConn) { _ = conn.Close() }
	return client
}

// connectParams limits the pause between attempts to connect: gRPC's default of 2 minutes would
// keep the queue waiting when the collector is back.
func connectParams() grpc.ConnectParams {
	return grpc.ConnectParams{
		Backoff: backoff.Config{
			BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2,
			MaxDelay: 5 * time.Second,
		},
		MinConnectTimeout: conns.ConnectTimeout,
	}
}

// dialer returns the function that connects to an address of the target.
func (c *grpcClient) dialer(
	sockets *conns.Sockets,
) func(context.Context, string) (net.Conn, error) {
	return func(ctx context.Context, address string) (net.Conn, error) {
		if path, ok := strings.CutPrefix(address, "unix:"); ok {
			return sockets.Dial(ctx, "unix", strings.TrimPrefix(path, "//"))
		}
		if !c.to.host {
			return sockets.Dial(ctx, "tcp", address)
		}
		u := &url.URL{Scheme: "http", Host: address}
		if c.to.secure {
			u.Scheme = "https"
		}
		proxy, err := conns.Proxy(&http.Request{URL: u})
		switch {
		case err != nil:
			return nil, err
		case proxy != nil:
			return sockets.DialThrough(ctx, proxy, address)
		}
		return sockets.Dial(ctx, "tcp", address)
	}
}

// export sends the request. A successful answer whose message cannot be decoded counts as success:
// the collector has accepted the spans.
func (c *grpcClient) export(
	ctx context.Context, request []byte,
) (*coltracepb.ExportTraceServiceResponse, error) {
	response := &coltracepb.ExportTraceServiceResponse{}
	err := c.conns.Do(ctx, func(conn *grpc.ClientConn) error {
		var a answer
		ctx := context.WithValue(ctx, answerKey{}, &a)
		headers := c.headers
		if lost := c.losses.Value(ctx); lost != "" {
			headers = metadata.Join(headers, metadata.Pairs(losses.Header, lost))
		}
		if len(headers) > 0 {
			ctx = metadata.NewOutgoingContext(ctx, headers)
		}
		return a.sendError(conn.Invoke(ctx, exportMethod, request, response), c.secrets)
	})
	return response, err
}

func (c *grpcClient) close() { c.conns.Close() }

// tlsCredentials are TLS credentials whose files may change between connections.
type tlsCredentials struct {
	credentials.TransportCredentials
	files *settings.TLS
}

// ClientHandshake implements [credentials.TransportCredentials].
func (c *tlsCredentials) ClientHandshake(
	ctx context.Context, authority string, conn net.Conn,
) (net.Conn, credentials.AuthInfo, error) {
	return credentials.NewTLS(c.files.Config()).ClientHandshake(ctx, authority, conn)
}

// Clone implements [credentials.TransportCredentials].
func (c *tlsCredentials) Clone() credentials.TransportCredentials {
	return &tlsCredentials{c.TransportCredentials.Clone(), c.files}
}
