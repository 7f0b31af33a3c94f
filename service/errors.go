package service

import (
	"errors"
	"fmt"
)

// Callers decide on these with [errors.Is]. What the errors say is meant for the user.
var (
	// ErrNotFound: there is no such book.
	ErrNotFound = errors.New("not found")

	// ErrInvalidArgument: the call can never succeed as it was made. The error is a *FieldError on the server's side.
	ErrInvalidArgument = errors.New("invalid argument")
)

// NotFound returns the error for an id that no book has: "book 99: not found". It is [ErrNotFound].
func NotFound(id int32) error { return fmt.Errorf("book %d: %w", id, ErrNotFound) }

// A FieldError names the field of a request that is out of range. It is [ErrInvalidArgument].
type FieldError struct {
	Field   string // as the API calls it: book_id, page, limit
	Value   int32  // what was given
	Allowed string // what may be given, after "must be"
}

// Error returns field, value and what is allowed: "page -1: must be 1 or more, or 0 for the first page".
func (e *FieldError) Error() string {
	return fmt.Sprintf("%s %d: must be %s", e.Field, e.Value, e.Allowed)
}

// Unwrap returns [ErrInvalidArgument].
func (e *FieldError) Unwrap() error { return ErrInvalidArgument }
