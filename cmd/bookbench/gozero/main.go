// Gozero has the row of bookbench that is go-zero. Its packages allocate 1.2 MB and start
// goroutines when they are linked.
package main

import (
	"context"
	"net"
	"time"

	"github.com/zeromicro/go-zero/core/conf"
	"github.com/zeromicro/go-zero/core/logx"
	"github.com/zeromicro/go-zero/core/trace"
	"github.com/zeromicro/go-zero/zrpc"
	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc"

	"bookservice/api/book"
	"bookservice/cmd/bookbench/internal/side"
)

func main() {
	side.Main(map[string]side.Way{"go-zero, OTLP exporter": {Serve: serve, Dial: dial}})
}

func telemetry(e *side.Env, service string) trace.Config {
	return trace.Config{Name: service, Endpoint: e.OTLP, Sampler: 1, Batcher: "otlpgrpc"}
}

// flush flushes and closes the tracer that go-zero has set.
func flush(e *side.Env) {
	e.OnFlush(func(ctx context.Context) error {
		if p, ok := otel.GetTracerProvider().(*sdktrace.TracerProvider); ok {
			return p.ForceFlush(ctx)
		}
		return nil
	})
	e.OnClose(func() error { trace.StopAgent(); return nil })
}

// serve is a server of go-zero with its defaults, except that it refuses no calls while the
// processors are busy, which they are here.
func serve(e *side.Env) (string, error) {
	logx.Disable()
	var c zrpc.RpcServerConf
	if err := conf.FillDefault(&c); err != nil {
		return "", err
	}
	addr, err := freeAddr() // go-zero does not say which port it has
	if err != nil {
		return "", err
	}
	c.Name, c.ListenOn, c.CpuThreshold = "bookserver", addr, 0
	c.Telemetry = telemetry(e, "bookserver")
	c.DevServer.Enabled, c.Log.Stat = false, false
	s, err := zrpc.NewServer(c, func(s *grpc.Server) {
		book.RegisterBookServiceServer(s, side.RawServer{Books: side.NewLibrary(e.Books)})
	})
	if err != nil {
		return "", err
	}
	flush(e)
	go s.Start() // until the process ends
	return addr, awaitListener(addr)
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// awaitListener waits until addr accepts connections, for 10 s at most.
func awaitListener(addr string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for tick := time.Tick(10 * time.Millisecond); ; <-tick {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "tcp", addr)
		if err == nil {
			return conn.Close()
		}
		if ctx.Err() != nil {
			return err
		}
	}
}

func dial(e *side.Env, addr string) (side.Call, error) {
	logx.Disable()
	var c zrpc.RpcClientConf
	if err := conf.FillDefault(&c); err != nil {
		return nil, err
	}
	c.Endpoints = []string{addr}
	trace.StartAgent(telemetry(e, "bookclient"))
	flush(e)
	client, err := zrpc.NewClient(c)
	if err != nil {
		return nil, err
	}
	e.OnClose(client.Conn().Close)
	return side.Generated(e, client.Conn()), nil
}
