// Package api is the root of the book service's API. The gRPC service is defined in
// book/book.proto, and package [bookservice/api/book] has the Go code that is generated from it.
//
// The generated code is committed. "go generate ./api" generates it again. It needs only Go: the
// compiler for .proto files is a Go library, and go.mod pins the versions of the plugins.
package api

//go:generate go run ./internal/protogen book/book.proto
