// Package api holds the book service's contract: [bookservice/api/book] is the gRPC service and the Go code generated
// from book/book.proto, which is committed.
//
// "go generate ./api" makes that code anew. It needs nothing but Go: the .proto file is compiled in Go, and the plugins
// are tools pinned in go.mod.
package api

//go:generate go run ./internal/protogen book/book.proto
