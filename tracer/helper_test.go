package tracer_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/opentracing/opentracing-go"

	"bookservice/tracer"
)

func TestMain(m *testing.M) {
	// What is parallel here waits more than it works: many at once, however small the machine.
	if err := flag.Set("test.parallel", "16"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func config(backend string) tracer.Config {
	c := tracer.DefaultConfig()
	c.Backend, c.ServiceName = backend, "bookserver"
	c.Zipkin.URL = "http://127.0.0.1:1/api/v2/spans"
	return c
}

// memory opens a tracer that keeps its spans.
func memory(t testing.TB, change func(*tracer.Config), opts ...tracer.Option) (opentracing.Tracer, *tracer.Memory) {
	t.Helper()
	c := config("memory")
	if change != nil {
		change(&c)
	}
	m := &tracer.Memory{}
	tr, closer, err := tracer.Open(context.Background(), c, append(opts, tracer.WithMemory(m))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = closer.Close() })
	return tr, m
}

// sendOne opens a tracer, finishes one span and returns what Close says.
func sendOne(t *testing.T, c tracer.Config) error {
	t.Helper()
	tr, closer, err := tracer.Open(t.Context(), c, tracer.WithLogger(quiet))
	if err != nil {
		t.Fatal(err)
	}
	tr.StartSpan("call").Finish()
	return closer.Close()
}
