package main

import (
	"context"
	"log/slog"
	"net"

	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc"

	"bookservice/cmd/bookbench/internal/side"
	bookserver "bookservice/cmd/internal/server"
	"bookservice/configs"
	"bookservice/discovery"
	"bookservice/service"
	"bookservice/service/bookendpoint"
	"bookservice/service/bookgrpc"
	bookclient "bookservice/service/client"
	"bookservice/tracer"
	"bookservice/tracer/all"
)

// A tune changes the settings of the tracer from those that the commands have by default.
type tune func(*all.Config, side.Settings)

// ourRows returns the rows of this project.
func ourRows() []row {
	list := []row{
		ourRow("ours, untraced", 0, nil),
		ourRow("ours, noop", 0, func(*all.Config, side.Settings) {}),
		ourRow("ours, 1 %, traceparent alone", 0.01, chain(toZipkin, w3c, onePercent)),
		ourRow("ours, sampled, zipkin, default headers (as shipped)", 1, toZipkin),
		ourRow("ours, sampled, zipkin, traceparent alone", 1, chain(toZipkin, w3c)),
		ourRow("ours, sampled, OTLP over gRPC, default headers", 1, toOTLP),
		{
			name: "ours, whole client, sampled, zipkin, default headers", spans: 2, share: 1,
			Way: side.Way{Serve: serveWhole(toZipkin), Dial: dialWhole(toZipkin)},
		},
		{
			name: "ours, whole client, untraced",
			Way:  side.Way{Serve: serveWhole(chain()), Dial: dialWhole(chain())},
		},
	}
	for i := range list {
		list[i].ours = true
	}
	return list
}

// ourRow is our server and our client of one connection. Without a tune they have no tracer.
func ourRow(name string, share float64, t tune) row {
	way := side.Way{Serve: serveOurs(t), Dial: dialOurs(t)}
	r := row{name: name, share: share, lists: true, Way: way}
	if share > 0 {
		r.spans = 2
	}
	return r
}

func chain(tunes ...tune) tune {
	return func(c *all.Config, s side.Settings) {
		for _, t := range tunes {
			t(c, s)
		}
	}
}

func toZipkin(c *all.Config, s side.Settings) { c.Backend, c.Zipkin.URL = "zipkin", s.Zipkin }

func toOTLP(c *all.Config, s side.Settings) {
	c.Backend, c.OTLP.Endpoint = "otlp", "http://"+s.OTLP
}

func w3c(c *all.Config, _ side.Settings) { c.Propagation.Inject = "w3c" }

func onePercent(c *all.Config, _ side.Settings) { c.Sample = 0.01 }

// quiet discards log lines. What a line would report, the counts of spans and calls show.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// openOurs opens our tracer. Without a tune it returns nil.
func openOurs(e *side.Env, c all.Config, t tune) (opentracing.Tracer, error) {
	if t == nil {
		return nil, nil
	}
	t(&c, e.Settings)
	tr, closer, err := all.Open(context.Background(), c, tracer.WithLogger(quiet()))
	if err != nil {
		return nil, err
	}
	e.OnClose(closer.Close)
	return tr, nil
}

func serveOurs(t tune) func(*side.Env) (string, error) {
	return func(e *side.Env) (string, error) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		c := configs.DefaultServer().Tracer
		c.Address = l.Addr().String()
		tr, err := openOurs(e, c, t)
		if err != nil {
			return "", err
		}
		set := bookendpoint.New(side.NewLibrary(e.Books))
		s := grpc.NewServer(bookgrpc.ServerOptions()...)
		bookgrpc.Register(s, bookgrpc.NewServer(set, tr, quiet()))
		return e.ServeOn(s, l)
	}
}

func dialOurs(t tune) func(*side.Env, string) (side.Call, error) {
	return func(e *side.Env, addr string) (side.Call, error) {
		tr, err := openOurs(e, configs.DefaultClient().Tracer, t)
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

// serveWhole runs bookserver without its command line, guards included.
func serveWhole(t tune) func(*side.Env) (string, error) {
	return func(e *side.Env) (string, error) {
		c := configs.DefaultServer()
		c.GRPCAddr, c.DrainDelay = "127.0.0.1:0", 0
		c.Discovery = static("127.0.0.1:1")
		// The bucket of the rate limit holds 100,000 calls by default.
		c.Guards.RateBurst = max(c.Guards.RateBurst, e.Calls)
		t(&c.Tracer, e.Settings)
		s, err := bookserver.Start(context.Background(), c, quiet())
		if err != nil {
			return "", err
		}
		e.OnClose(func() error { s.Stop(); return nil })
		return s.Addr(), nil
	}
}

func static(addr string) discovery.Config {
	c := discovery.DefaultConfig()
	c.Kind, c.Instances = "static", []string{addr}
	return c
}

// dialWhole opens discovery, the tracer and the client as bookclient does.
func dialWhole(t tune) func(*side.Env, string) (side.Call, error) {
	return func(e *side.Env, addr string) (side.Call, error) {
		c := configs.DefaultClient()
		tr, err := openOurs(e, c.Tracer, t)
		if err != nil {
			return nil, err
		}
		registry, err := discovery.Open(context.Background(), static(addr),
			discovery.WithLogger(quiet()))
		if err != nil {
			return nil, err
		}
		e.OnClose(registry.Close)
		instancer, err := registry.Instancer("")
		if err != nil {
			return nil, err
		}
		books, err := bookclient.New(instancer, tr, c.Calls, bookclient.WithLogger(quiet()))
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
