package service_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"bookservice/service"
)

func TestWindow(t *testing.T) {
	tests := []struct {
		page, limit   int32
		offset, count int64
	}{
		{0, 0, 0, 100},
		{1, 0, 0, 100},
		{3, 7, 14, 7},
		{1, 1000, 0, 1000},
		{math.MaxInt32, 1000, 2147483646000, 1000},
	}
	for _, tt := range tests {
		offset, count, err := service.Window(tt.page, tt.limit)
		if err != nil || offset != tt.offset || count != tt.count {
			t.Errorf("Window(%d, %d): have %d, %d, %v, want %d, %d", tt.page, tt.limit, offset, count, err, tt.offset,
				tt.count)
		}
	}
}

func TestFieldErrorNamesTheField(t *testing.T) {
	_, _, err := service.Window(1, 5000)
	field, ok := errors.AsType[*service.FieldError](fmt.Errorf("wrapped: %w", err))
	if !ok || field.Field != "limit" || field.Value != 5000 || !errors.Is(err, service.ErrInvalidArgument) {
		t.Errorf("have %#v", err)
	}
	if want := "limit 5000: must be 0 to 1000, where 0 means 100"; err.Error() != want {
		t.Errorf("have %q, want %q", err, want)
	}
}

// counted counts the calls that get through to it.
type counted struct{ info, list int }

func (c *counted) BookInfo(context.Context, int32) (service.Book, error) {
	c.info++
	return service.Book{ID: 1, Name: "a"}, nil
}

func (c *counted) BookList(context.Context, int32, int32) ([]service.Book, error) {
	c.list++
	return nil, nil
}

func TestLatencyObeysTheContext(t *testing.T) {
	var next counted
	slow := service.WithLatency(&next, 1<<62, 1<<62)
	for _, want := range []error{context.Canceled, context.DeadlineExceeded} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		if want == context.Canceled {
			cancel()
		}
		if _, err := slow.BookInfo(ctx, 1); err != want {
			t.Errorf("BookInfo: have %v, want %v", err, want)
		}
		if _, err := slow.BookList(ctx, 1, 1); err != want {
			t.Errorf("BookList: have %v, want %v", err, want)
		}
		cancel()
	}
	if next != (counted{}) {
		t.Errorf("have %+v calls behind a delay that was cut short, want none", next)
	}
}

func TestLatencyPassesCallsOn(t *testing.T) {
	var next counted
	for _, s := range []service.Service{service.WithLatency(&next, time.Microsecond, 0),
		service.WithLatency(&next, 0, time.Microsecond)} {
		if book, err := s.BookInfo(t.Context(), 1); err != nil || book.ID != 1 {
			t.Errorf("have %v, %v", book, err)
		}
		if _, err := s.BookList(t.Context(), 1, 1); err != nil {
			t.Error(err)
		}
	}
	if next != (counted{info: 2, list: 2}) {
		t.Errorf("have %+v calls, want 2 of each", next)
	}
}

func TestNoLatencyCostsNothing(t *testing.T) {
	next := &counted{}
	if s := service.WithLatency(next, 0, -1); s != service.Service(next) {
		t.Errorf("have %T, want the service itself", s)
	}
}

// The clock is the bubble's, which moves by the delays alone.
func TestLatencyIsUniform(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const calls, most = 1000, time.Second
		s := service.WithLatency(&counted{}, 0, most)
		shortest, longest, start := time.Hour, time.Duration(0), time.Now()
		for range calls {
			one := time.Now()
			if _, err := s.BookInfo(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			shortest, longest = min(shortest, time.Since(one)), max(longest, time.Since(one))
		}
		if mean := time.Since(start) / calls; mean < 400*time.Millisecond || mean > 600*time.Millisecond {
			t.Errorf("mean delay: have %v, want about %v", mean, most/2)
		}
		if shortest > most/10 || longest < most*9/10 || longest > most {
			t.Errorf("have delays from %v to %v, want 0 to %v", shortest, longest, most)
		}
	})
}
