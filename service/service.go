// Package service is the book service's domain: what a book is, what can be asked, and which errors there are. It needs
// the standard library only; stores, endpoints and transports are packages below it.
//
// Pages: the first page is 1, and 0 means 1. A limit of 0 means [DefaultLimit]; more than [MaxLimit] is refused. A page
// beyond the end is empty and no error. Every implementation of [Service] keeps to this by means of [CheckID] and
// [Window], and package storetest tests that it does.
package service

import "context"

// A Book is one entry of the catalogue.
type Book struct {
	ID   int32  // 1 or more
	Name string // never empty, valid UTF-8
}

// A Service answers from a catalogue of books. All methods may be called concurrently, and end with the context's error
// when the context is done before they are.
type Service interface {
	// BookInfo returns the book with this id. The error is [ErrInvalidArgument] when id is below 1, and [ErrNotFound]
	// when there is no such book.
	BookInfo(ctx context.Context, id int32) (Book, error)

	// BookList returns one page of the catalogue, in the order of the ids. The slice is the caller's. The error is
	// [ErrInvalidArgument] when page or limit is out of range.
	BookList(ctx context.Context, page, limit int32) ([]Book, error)
}
