package tracer_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"testing"

	"github.com/opentracing/opentracing-go"

	"bookservice/tracer"
)

func TestMain(m *testing.M) {
	if run := os.Getenv(childProcess); run != "" {
		os.Exit(runChild(run))
	}
	// Parallel tests mostly wait, so they run at once on any machine.
	if err := flag.Set("test.parallel", "16"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

var quiet = slog.New(slog.DiscardHandler)

// config returns the configuration of a backend. Nothing listens at Zipkin's URL.
func config(backend string) tracer.Config {
	c := tracer.DefaultConfig()
	c.Backend, c.ServiceName = backend, "bookserver"
	c.Zipkin.URL = "http://127.0.0.1:1/api/v2/spans"
	return c
}

// open opens a tracer that logs nothing unless an option sets a logger.
func open(
	t testing.TB, c tracer.Config, opts ...tracer.Option,
) (opentracing.Tracer, io.Closer) {
	t.Helper()
	opts = append([]tracer.Option{tracer.WithLogger(quiet)}, opts...)
	tr, closer, err := tracer.Open(context.Background(), c, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return tr, closer
}

// memory opens a tracer with the memory backend. The test closes it at its end.
func memory(
	t testing.TB, change func(*tracer.Config), opts ...tracer.Option,
) (opentracing.Tracer, *tracer.Memory) {
	t.Helper()
	c := config("memory")
	if change != nil {
		change(&c)
	}
	m := &tracer.Memory{}
	tr, closer := open(t, c, append(opts, tracer.WithMemory(m))...)
	t.Cleanup(func() { _ = closer.Close() })
	return tr, m
}

// sendOne opens a tracer, finishes one span and returns the error of Close.
func sendOne(t *testing.T, c tracer.Config, opts ...tracer.Option) error {
	t.Helper()
	tr, closer := open(t, c, opts...)
	tr.StartSpan("call").Finish()
	return closer.Close()
}
