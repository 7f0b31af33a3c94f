package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/afex/hystrix-go/hystrix"
	"github.com/go-kit/kit/circuitbreaker"
	"github.com/go-kit/kit/endpoint"
	"github.com/go-kit/kit/sd"
	"github.com/go-kit/kit/sd/lb"
	kitlog "github.com/go-kit/log"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"bookservice/api/book"
	"bookservice/cmd/bookbench/internal/kit"
	"bookservice/cmd/bookbench/internal/ours"
	"bookservice/service/bookgrpc"
	bookclient "bookservice/service/client"
	"bookservice/tracer/tracertest/testkit"
)

// The benchmarks of the client have connections, which ours requires, but the calls do not use
// them: an interceptor answers each call. What the whole client costs is the difference to the
// endpoint.

// An answer is the result of the nth call on a connection, from 1.
type answer func(n int64) error

func success(int64) error { return nil }

func unavailable(int64) error { return status.Error(codes.Unavailable, "down") }

// everySecond makes the first attempt of each call fail, and the second one succeed.
func everySecond(n int64) error {
	if n%2 == 1 {
		return unavailable(n)
	}
	return nil
}

// answered returns options for connections to a server in memory, and whose calls have this answer.
func answered(b *testing.B, a answer) []grpc.DialOption {
	b.Helper()
	const buffer = 1 << 10 // bytes, of each connection
	listener := bufconn.Listen(buffer)
	server := grpc.NewServer(append(bookgrpc.ServerOptions(),
		grpc.ReadBufferSize(buffer), grpc.WriteBufferSize(buffer))...)
	go func() { _ = server.Serve(listener) }()
	b.Cleanup(server.Stop)
	var calls atomic.Int64
	return []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithReadBufferSize(buffer), grpc.WithWriteBufferSize(buffer),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return listener.DialContext(ctx)
		}),
		grpc.WithUnaryInterceptor(func(_ context.Context, _ string, _, reply any,
			_ *grpc.ClientConn, _ grpc.UnaryInvoker, _ ...grpc.CallOption) error {
			info := reply.(*book.BookInfo)
			info.BookId, info.BookName = 1, "21天精通php"
			return a(calls.Add(1))
		}),
	}
}

func answeredConn(b *testing.B, a answer) *grpc.ClientConn {
	conn, err := grpc.NewClient("passthrough:///127.0.0.1:1", answered(b, a)...)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	return conn
}

// instances returns this number of addresses, sorted, as instancers provide them.
func instances(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("10.0.%d.%d:50051", i/250, i%250+1)
	}
	slices.Sort(list)
	return list
}

// ourClient returns a client of n instances.
func ourClient(b *testing.B, n int, a answer,
	change func(*bookclient.Config)) func(context.Context) error {
	c := bookclient.DefaultConfig()
	if change != nil {
		change(&c)
	}
	books, err := bookclient.New(sd.FixedInstancer(instances(n)), nil, c,
		bookclient.WithLogger(ours.Quiet()), bookclient.WithDialOptions(answered(b, a)...))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { books.Close() })
	awaitUp(b, books, n)
	return func(ctx context.Context) error {
		_, err := books.BookInfo(ctx, 1)
		return err
	}
}

// awaitUp waits until all instances are connected. The client connects 500 a second.
func awaitUp(b *testing.B, books *bookclient.Client, n int) {
	b.Helper()
	testkit.Eventually(b, "all instances are connected", func() bool {
		up := 0
		for _, in := range books.Stats().Instances {
			if in.State == "up" {
				up++
			}
		}
		return up == n
	})
}

// kitBalancer returns go-kit's round robin over n instances. They share a connection.
func kitBalancer(b *testing.B, n int, a answer) lb.Balancer {
	info := kit.Client(answeredConn(b, a), nil)
	factory := func(string) (endpoint.Endpoint, io.Closer, error) { return info, nil, nil }
	endpointer := sd.NewEndpointer(sd.FixedInstancer(instances(n)), factory, kitlog.NewNopLogger())
	b.Cleanup(endpointer.Close)
	for tick := time.Tick(time.Millisecond); ; <-tick {
		if found, err := endpointer.Endpoints(); err != nil || len(found) == n {
			return lb.NewRoundRobin(endpointer)
		}
	}
}

func ofEndpoint(e endpoint.Endpoint) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := e(ctx, int32(1))
		return err
	}
}

// loop measures calls that return an error for which ok holds.
func loop(b *testing.B, f func(context.Context) error, ok func(error) bool) {
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		if err := f(ctx); !ok(err) {
			b.Fatal(err)
		}
	}
}

func isNil(err error) bool { return err == nil }

// BenchmarkEndpoint is what the other benchmarks of the client begin with: go-kit's gRPC transport.
func BenchmarkEndpoint(b *testing.B) {
	b.Run("go-kit", func(b *testing.B) {
		loop(b, ofEndpoint(kit.Client(answeredConn(b, success), nil)), isNil)
	})
	b.Run("ours", func(b *testing.B) {
		set := bookgrpc.NewClient(answeredConn(b, success), nil)
		loop(b, func(ctx context.Context) error {
			_, err := set.BookInfo(ctx, 1)
			return err
		}, isNil)
	})
}

// BenchmarkPick chooses one of the instances and calls it. Ours is the whole client, which has
// limits, breaker and retries, too.
func BenchmarkPick(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprintf("%d/go-kit, round robin", n), func(b *testing.B) {
			balancer := kitBalancer(b, n, success)
			loop(b, func(ctx context.Context) error {
				e, err := balancer.Endpoint()
				if err != nil {
					return err
				}
				_, err = e(ctx, int32(1))
				return err
			}, isNil)
		})
		b.Run(fmt.Sprintf("%d/go-kit, round robin, retry and hystrix", n), func(b *testing.B) {
			loop(b, ofEndpoint(kit.BehindHystrix(kitBalancer(b, n, success))), isNil)
		})
		b.Run(fmt.Sprintf("%d/ours", n), func(b *testing.B) {
			loop(b, ourClient(b, n, success, nil), isNil)
		})
	}
}

// BenchmarkRetry makes calls whose first attempt fails, without a delay between the attempts.
func BenchmarkRetry(b *testing.B) {
	b.Run("go-kit", func(b *testing.B) {
		loop(b, ofEndpoint(lb.Retry(3, 100*time.Second, kitBalancer(b, 2, everySecond))), isNil)
	})
	b.Run("ours", func(b *testing.B) {
		atOnce := func(c *bookclient.Config) { c.RetryBackoff, c.RetryBudget = 0, 1e6 }
		loop(b, ourClient(b, 1, everySecond, atOnce), isNil)
	})
}

// BenchmarkBreaker makes calls through a closed and an open circuit breaker.
func BenchmarkBreaker(b *testing.B) {
	nothing := func(context.Context, any) (any, error) { return nil, nil }
	b.Run("closed/hystrix", func(b *testing.B) {
		hystrix.ConfigureCommand("closed", hystrix.CommandConfig{MaxConcurrentRequests: 1000})
		loop(b, ofEndpoint(circuitbreaker.Hystrix("closed")(nothing)), isNil)
	})
	b.Run("closed/ours, the whole client", func(b *testing.B) {
		loop(b, ourClient(b, 1, success, nil), isNil)
	})
	b.Run("open/hystrix", func(b *testing.B) {
		hystrix.ConfigureCommand("open", hystrix.CommandConfig{
			MaxConcurrentRequests: 1000, RequestVolumeThreshold: 1, ErrorPercentThreshold: 1,
			SleepWindow: 1 << 30,
		})
		call := ofEndpoint(circuitbreaker.Hystrix("open")(
			func(context.Context, any) (any, error) { return nil, unavailable(0) }))
		isOpen := func(err error) bool { return errors.Is(err, hystrix.ErrCircuitOpen) }
		openBreaker(b, call, isOpen)
		loop(b, call, isOpen)
	})
	b.Run("open/ours, the whole client", func(b *testing.B) {
		call := ourClient(b, 1, unavailable, func(c *bookclient.Config) {
			c.RetryAttempts, c.BreakerOpen = 1, time.Hour
		})
		isOpen := func(err error) bool { return errors.Is(err, bookclient.ErrOpen) }
		openBreaker(b, call, isOpen)
		loop(b, call, isOpen)
	})
}

// openBreaker calls until the breaker is open. Hystrix counts in the background.
func openBreaker(b *testing.B, call func(context.Context) error, isOpen func(error) bool) {
	b.Helper()
	limit := time.After(30 * time.Second)
	for tick := time.Tick(time.Millisecond); !isOpen(call(b.Context())); {
		select {
		case <-tick:
		case <-limit:
			b.Fatal("the breaker is still closed")
		}
	}
}
