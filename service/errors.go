package service

import (
	"errors"
	"fmt"
)

// Errors of a [Service], to be tested with [errors.Is]. Their messages are written for end users.
var (
	// ErrNotFound means that no book has the requested id.
	ErrNotFound = errors.New("not found")

	// ErrInvalidArgument means that a field of the request is out of range. The same call always
	// fails. In the server's process the error is a [*FieldError].
	ErrInvalidArgument = errors.New("invalid argument")
)

// NotFound returns the error for an id that no book has. It wraps [ErrNotFound]. Its message is
// "book 99: not found".
func NotFound(id int32) error { return fmt.Errorf("book %d: %w", id, ErrNotFound) }

// A FieldError reports a field of a request that is out of range. It wraps [ErrInvalidArgument].
type FieldError struct {
	Field   string // name in the API: book_id, page or limit
	Value   int32  // value in the request
	Allowed string // values that are allowed; completes the phrase "must be …"
}

// Error returns the field, its value and the values that are allowed, such as
// "page -1: must be 1 or more, or 0 for the first page".
func (e *FieldError) Error() string {
	return fmt.Sprintf("%s %d: must be %s", e.Field, e.Value, e.Allowed)
}

// Unwrap returns [ErrInvalidArgument].
func (e *FieldError) Unwrap() error { return ErrInvalidArgument }
