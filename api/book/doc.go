// Package book is the book service's gRPC contract as Go code. All but this file and the tests is generated from
// book.proto by "go generate ./api".
package book
