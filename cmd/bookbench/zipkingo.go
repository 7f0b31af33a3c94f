package main

import (
	zipkingrpc "github.com/openzipkin/zipkin-go/middleware/grpc"
	"google.golang.org/grpc"

	"bookservice/api/book"
)

// serveZipkinGo is raw gRPC with the stats handler of zipkin-go.
func serveZipkinGo(e *env) (string, error) {
	tr, closeReporter, err := zipkinGo(e.Zipkin, "bookserver", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	e.onClose(closeReporter)
	s := grpc.NewServer(grpc.StatsHandler(zipkingrpc.NewServerHandler(tr)))
	book.RegisterBookServiceServer(s, rawServer{books: newLibrary(e.Books)})
	return e.serve(s)
}

func dialZipkinGo(e *env, addr string) (call, error) {
	tr, closeReporter, err := zipkinGo(e.Zipkin, "bookclient", "")
	if err != nil {
		return nil, err
	}
	e.onClose(closeReporter)
	conn, err := e.connect(addr, grpc.WithStatsHandler(zipkingrpc.NewClientHandler(tr)))
	if err != nil {
		return nil, err
	}
	return generated(e, conn), nil
}
