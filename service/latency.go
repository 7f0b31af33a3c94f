package service

import (
	"context"
	"math/rand/v2"
	"time"
)

// WithLatency returns a service that delays each call and then calls next. The delay is uniformly
// distributed between 0 and list for BookList, and between 0 and info for BookInfo. A limit of 0 or
// less means no delay. If the context ends during the delay, the call returns the context's error
// at once and does not call next.
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
	if err := sleep(ctx, l.info); err != nil {
		return Book{}, err
	}
	return l.next.BookInfo(ctx, id)
}

func (l latency) BookList(ctx context.Context, page, limit int32) ([]Book, error) {
	if err := sleep(ctx, l.list); err != nil {
		return nil, err
	}
	return l.next.BookList(ctx, page, limit)
}

// sleep waits for a random time between 0 and maxDelay, or until ctx is done.
func sleep(ctx context.Context, maxDelay time.Duration) error {
	if maxDelay <= 0 {
		return nil
	}
	timer := time.NewTimer(rand.N(maxDelay))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
