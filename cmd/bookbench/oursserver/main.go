// Oursserver has the servers of the rows of bookbench that are this project.
package main

import (
	"context"
	"net"

	"google.golang.org/grpc"

	"bookservice/cmd/bookbench/internal/ours"
	"bookservice/cmd/bookbench/internal/side"
	bookserver "bookservice/cmd/internal/server"
	"bookservice/configs"
	"bookservice/service/bookendpoint"
	"bookservice/service/bookgrpc"
)

func main() {
	ways := map[string]side.Way{}
	for _, r := range ours.Rows() {
		serve := serveOurs(r)
		if r.Whole {
			serve = serveWhole(r)
		}
		ways[r.Name] = side.Way{Serve: serve}
	}
	side.Main(ways)
}

func serveOurs(r ours.Row) func(*side.Env) (string, error) {
	return func(e *side.Env) (string, error) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		c := configs.DefaultServer()
		ours.KeepHeap(e, c.HeapBytes)
		c.Tracer.Address = l.Addr().String()
		tr, err := r.Open(e, c.Tracer)
		if err != nil {
			return "", err
		}
		set := bookendpoint.New(side.NewLibrary(e.Books))
		s := grpc.NewServer(bookgrpc.ServerOptions()...)
		bookgrpc.Register(s, bookgrpc.NewServer(set, tr, ours.Quiet()))
		return e.ServeOn(s, l)
	}
}

// serveWhole runs bookserver without its command line, guards included.
func serveWhole(r ours.Row) func(*side.Env) (string, error) {
	return func(e *side.Env) (string, error) {
		c := configs.DefaultServer()
		ours.KeepHeap(e, c.HeapBytes)
		c.GRPCAddr, c.DrainDelay = "127.0.0.1:0", 0
		c.Discovery = ours.Static("127.0.0.1:1")
		// The bucket of the rate limit holds 100,000 calls by default.
		c.Guards.RateBurst = max(c.Guards.RateBurst, e.Calls)
		r.Tune(&c.Tracer, e.Settings)
		s, err := bookserver.Start(context.Background(), c, ours.Quiet())
		if err != nil {
			return "", err
		}
		e.OnClose(func() error { s.Stop(); return nil })
		return s.Addr(), nil
	}
}
