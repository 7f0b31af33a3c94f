// Package book has the gRPC service and the messages of the book service. "go generate ./api"
// generates all files from book.proto, except this one and the tests.
package book
