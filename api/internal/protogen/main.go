// Command protogen writes the Go code of a .proto file beside it, without an installed protoc:
//
//	protogen DIR FILE.proto
//
// DIR is the root for imports, and FILE is relative to it. The command runs the plugins
// protoc-gen-go and protoc-gen-go-grpc by "go tool", in the versions that this module's go.mod
// pins, so the same file always gives the same code. The working directory has to be in this
// module.
package main

import (
	"context"
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: protogen DIR FILE.proto")
		os.Exit(2)
	}
	dir, file := os.Args[1], os.Args[2]
	if err := generate(context.Background(), dir, file, dir); err != nil {
		fmt.Fprintln(os.Stderr, "protogen:", err)
		os.Exit(1)
	}
}
