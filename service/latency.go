package service

import (
	"context"
	"math/rand/v2"
	"time"
)

// WithLatency returns next behind a simulated delay: each call first waits for a time drawn uniformly from 0 to list or
// info, for BookList and BookInfo. 0 or less is no delay. A call whose context ends during the delay returns the
// context's error at once, and next is not called.
func WithLatency(next Service, list, info time.Duration) Service {
	if list <= 0 && info <= 0 {
		return next
	}
	return latency{next: next, list: list, info: info}
}

type latency struct {
	next       Service
	list, info time.Duration
}

func (l latency) BookInfo(ctx context.Context, id int32) (Book, error) {
	if err := wait(ctx, l.info); err != nil {
		return Book{}, err
	}
	return l.next.BookInfo(ctx, id)
}

func (l latency) BookList(ctx context.Context, page, limit int32) ([]Book, error) {
	if err := wait(ctx, l.list); err != nil {
		return nil, err
	}
	return l.next.BookList(ctx, page, limit)
}

func wait(ctx context.Context, most time.Duration) error {
	if most <= 0 {
		return nil
	}
	timer := time.NewTimer(rand.N(most))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
