// Package service is the domain of the book service: the books, the calls and their errors. It
// depends on the standard library only. Stores, endpoints and transports are in the packages below
// it.
//
// Pages are numbered from 1, and page 0 means page 1. A limit of 0 means [DefaultLimit]. A limit
// above [MaxLimit] is an error. A page after the last one is empty and is not an error.
//
// Implementations of [Service] check their arguments with [CheckID] and [Window]. Package storetest
// tests that an implementation follows these rules.
package service

import "context"

// A Book is one entry of the catalogue.
type Book struct {
	ID   int32  // 1 or more
	Name string // valid UTF-8, not empty
}

// A Service gives access to a catalogue of books. Its methods may be called concurrently. If the
// context is done before a call has finished, the call returns the context's error.
type Service interface {
	// BookInfo returns the book with this id. The error is [ErrInvalidArgument] if id is below 1,
	// and [ErrNotFound] if the catalogue does not have the book.
	BookInfo(ctx context.Context, id int32) (Book, error)

	// BookList returns one page of the catalogue, sorted by id. The caller owns the slice. The
	// error is [ErrInvalidArgument] if page or limit is out of range.
	BookList(ctx context.Context, page, limit int32) ([]Book, error)
}
