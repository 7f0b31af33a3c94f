package main

import (
	zipkingrpc "github.com/openzipkin/zipkin-go/middleware/grpc"
	"google.golang.org/grpc"

	"bookservice/api/book"
	"bookservice/cmd/bookbench/internal/kit"
	"bookservice/cmd/bookbench/internal/side"
)

// serveZipkinGo is raw gRPC with the stats handler of zipkin-go.
func serveZipkinGo(e *side.Env) (string, error) {
	tr, closeReporter, err := kit.ZipkinGo(e.Zipkin, "bookserver", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	e.OnClose(closeReporter)
	s := grpc.NewServer(grpc.StatsHandler(zipkingrpc.NewServerHandler(tr)))
	book.RegisterBookServiceServer(s, side.RawServer{Books: side.NewLibrary(e.Books)})
	return e.Serve(s)
}

func dialZipkinGo(e *side.Env, addr string) (side.Call, error) {
	tr, closeReporter, err := kit.ZipkinGo(e.Zipkin, "bookclient", "")
	if err != nil {
		return nil, err
	}
	e.OnClose(closeReporter)
	conn, err := e.Connect(addr, grpc.WithStatsHandler(zipkingrpc.NewClientHandler(tr)))
	if err != nil {
		return nil, err
	}
	return side.Generated(e, conn), nil
}
