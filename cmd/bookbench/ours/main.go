// Ours has the clients of the rows of bookbench that are this project.
package main

import (
	"context"

	"bookservice/cmd/bookbench/internal/ours"
	"bookservice/cmd/bookbench/internal/side"
	"bookservice/configs"
	"bookservice/discovery"
	"bookservice/service"
	"bookservice/service/bookgrpc"
	bookclient "bookservice/service/client"
)

func main() {
	ways := map[string]side.Way{}
	for _, r := range ours.Rows() {
		dial := dialOurs(r)
		if r.Whole {
			dial = dialWhole(r)
		}
		ways[r.Name] = side.Way{Dial: dial}
	}
	side.Main(ways)
}

func dialOurs(r ours.Row) func(*side.Env, string) (side.Call, error) {
	return func(e *side.Env, addr string) (side.Call, error) {
		c := configs.DefaultClient()
		ours.KeepHeap(e, c.HeapBytes)
		tr, err := r.Open(e, c.Tracer)
		if err != nil {
			return nil, err
		}
		conn, err := bookgrpc.Dial(addr)
		if err != nil {
			return nil, err
		}
		e.OnClose(conn.Close)
		return ourCall(e, bookgrpc.NewClient(conn, tr)), nil
	}
}

func ourCall(e *side.Env, books service.Service) side.Call {
	if e.Books > 0 {
		return func(ctx context.Context) error {
			list, err := books.BookList(ctx, 1, 0)
			if err != nil {
				return err
			}
			return side.CheckList(len(list), e.Books)
		}
	}
	return func(ctx context.Context) error {
		b, err := books.BookInfo(ctx, 1)
		if err != nil {
			return err
		}
		return side.CheckInfo(b.ID, b.Name)
	}
}

// dialWhole opens discovery, the tracer and the client as bookclient does.
func dialWhole(r ours.Row) func(*side.Env, string) (side.Call, error) {
	return func(e *side.Env, addr string) (side.Call, error) {
		c := configs.DefaultClient()
		ours.KeepHeap(e, c.HeapBytes)
		tr, err := r.Open(e, c.Tracer)
		if err != nil {
			return nil, err
		}
		registry, err := discovery.Open(context.Background(), ours.Static(addr),
			discovery.WithLogger(ours.Quiet()))
		if err != nil {
			return nil, err
		}
		e.OnClose(registry.Close)
		instancer, err := registry.Instancer("")
		if err != nil {
			return nil, err
		}
		books, err := bookclient.New(instancer, tr, c.Calls, bookclient.WithLogger(ours.Quiet()))
		if err != nil {
			return nil, err
		}
		e.OnClose(books.Close)
		ctx, cancel := context.WithTimeout(context.Background(), c.Wait)
		defer cancel()
		if err := books.Wait(ctx); err != nil {
			return nil, err
		}
		return ourCall(e, books), nil
	}
}
