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
)

// tracingOptions opens OpenTelemetry for kratos.
func tracingOptions(e *env, service string) ([]tracing.Option, error) {
	p, err := provider(e, service, openOTLP, 1)
	return []tracing.Option{
		tracing.WithTracerProvider(p), tracing.WithPropagator(propagation.TraceContext{}),
	}, err
}

// serveKratos is a server of kratos with the middleware that its template has.
func serveKratos(e *env) (string, error) {
	kratoslog.SetLogger(kratoslog.NewStdLogger(io.Discard))
	opts, err := tracingOptions(e, "bookserver")
	if err != nil {
		return "", err
	}
	s := kratosgrpc.NewServer(kratosgrpc.Address("127.0.0.1:0"),
		kratosgrpc.Middleware(recovery.Recovery(), tracing.Server(opts...)))
	book.RegisterBookServiceServer(s, rawServer{books: newLibrary(e.Books)})
	url, err := s.Endpoint() // which listens
	if err != nil {
		return "", err
	}
	done := make(chan error, 1)
	go func() { done <- s.Start(context.Background()) }()
	e.onClose(func() error {
		if err := s.Stop(context.Background()); err != nil {
			return err
		}
		return <-done
	})
	return url.Host, nil
}

func dialKratos(e *env, addr string) (call, error) {
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
	e.onClose(conn.Close)
	return generated(e, conn), nil
}
