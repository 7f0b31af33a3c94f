package main

import (
	"context"
	"io"

	kratoslog "github.com/go-kratos/kratos/v2/log"
	"github.com/go-kratos/kratos/v2/middleware/recovery"
	"github.com/go-kratos/kratos/v2/middleware/tracing"
	kratosgrpc "github.com/go-kratos/kratos/v2/transport/grpc"
	"go.opentelemetry.io/otel/propagation"

	"bookservice/api/book"
	"bookservice/cmd/bookbench/internal/side"
)

// tracingOptions opens OpenTelemetry for kratos.
func tracingOptions(e *side.Env, service string) ([]tracing.Option, error) {
	p, err := provider(e, service, openOTLP, 1)
	return []tracing.Option{
		tracing.WithTracerProvider(p), tracing.WithPropagator(propagation.TraceContext{}),
	}, err
}

// serveKratos is a server of kratos with the middleware that its template has.
func serveKratos(e *side.Env) (string, error) {
	kratoslog.SetLogger(kratoslog.NewStdLogger(io.Discard))
	opts, err := tracingOptions(e, "bookserver")
	if err != nil {
		return "", err
	}
	s := kratosgrpc.NewServer(kratosgrpc.Address("127.0.0.1:0"),
		kratosgrpc.Middleware(recovery.Recovery(), tracing.Server(opts...)))
	book.RegisterBookServiceServer(s, side.RawServer{Books: side.NewLibrary(e.Books)})
	url, err := s.Endpoint() // which listens
	if err != nil {
		return "", err
	}
	done := make(chan error, 1)
	go func() { done <- s.Start(context.Background()) }()
	e.OnClose(func() error {
		if err := s.Stop(context.Background()); err != nil {
			return err
		}
		return <-done
	})
	return url.Host, nil
}

func dialKratos(e *side.Env, addr string) (side.Call, error) {
	kratoslog.SetLogger(kratoslog.NewStdLogger(io.Discard))
	opts, err := tracingOptions(e, "bookclient")
	if err != nil {
		return nil, err
	}
	conn, err := kratosgrpc.DialInsecure(context.Background(), kratosgrpc.WithEndpoint(addr),
		kratosgrpc.WithMiddleware(recovery.Recovery(), tracing.Client(opts...)))
	if err != nil {
		return nil, err
	}
	e.OnClose(conn.Close)
	return side.Generated(e, conn), nil
}
