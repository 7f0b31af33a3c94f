package all_test

import (
	"context"
	"flag"
	"fmt"

	"bookservice/tracer"
	"bookservice/tracer/all"
)

// A program with all backends lets its user choose one by flags.
func ExampleOpen() {
	c := all.DefaultConfig()
	c.ServiceName = "books"
	fs := flag.NewFlagSet("books", flag.ContinueOnError)
	if err := c.RegisterFlags(fs, ""); err != nil {
		fmt.Println(err)
		return
	}
	err := fs.Parse([]string{"-tracer", "memory", "-otlp-endpoint", "http://collector:4317"})
	if err != nil {
		return // package flag has printed it
	}
	spans := &tracer.Memory{}
	tr, closer, err := all.Open(context.Background(), c, tracer.WithMemory(spans))
	if err != nil {
		fmt.Println(err)
		return
	}
	tr.StartSpan("find").Finish()
	if err := closer.Close(); err != nil {
		fmt.Println(err)
	}
	fmt.Println(len(spans.Spans()), "span")
	// Output:
	// 1 span
}
