package service

import (
	"context"
	"errors"
	"math/rand/v2"
)

// ErrSimulated is the error of a call that [WithFailures] fails.
var ErrSimulated = errors.New("simulated failure")

// WithFailures returns a service that fails a share of all calls, from 0 to 1, with [ErrSimulated],
// and calls next for the others.
func WithFailures(next Service, share float64) Service {
	if share <= 0 {
		return next
	}
	return failures{next, share}
}

type failures struct {
	next  Service
	share float64
}

func (f failures) BookInfo(ctx context.Context, id int32) (Book, error) {
	if rand.Float64() < f.share {
		return Book{}, ErrSimulated
	}
	return f.next.BookInfo(ctx, id)
}

func (f failures) BookList(ctx context.Context, page, limit int32) ([]Book, error) {
	if rand.Float64() < f.share {
		return nil, ErrSimulated
	}
	return f.next.BookList(ctx, page, limit)
}
