// Package api holds the book service's contract: [bookservice/api/book] is the gRPC service and the
// Go code generated from book/book.proto, which is committed.
//
// "go generate ./api" generates that code. It needs nothing but Go: api/internal/protogen compiles
// the .proto file in Go. It is a module of its own, whose go.mod pins the compiler and the plugins.
package api

//go:generate go run -C internal/protogen . ../.. book/book.proto
