// Command protogen writes the Go code of a .proto file beside it, without an installed protoc:
//
//	protogen FILE.proto
//
// FILE is relative to the working directory, which is the root for imports. The plugins protoc-gen-go and
// protoc-gen-go-grpc are run by "go tool", in the versions that go.mod pins, so the same file always gives the same code.
package main

import (
	"context"
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: protogen FILE.proto")
		os.Exit(2)
	}
	if err := generate(context.Background(), os.Args[1], "."); err != nil {
		fmt.Fprintln(os.Stderr, "protogen:", err)
		os.Exit(1)
	}
}
