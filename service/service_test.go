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
			t.Errorf("Window(%d, %d): have %d, %d, %v, want %d, %d",
				tt.page, tt.limit, offset, count, err, tt.offset, tt.count)
		}
	}
}

func TestFieldErrorNamesTheField(t *testing.T) {
	_, _, err := service.Window(1, 5000)
	field, ok := errors.AsType[*service.FieldError](fmt.Errorf("wrapped: %w", err))
	if !ok || field.Field != "limit" || field.Value != 5000 ||
		!errors.Is(err, service.ErrInvalidArgument) {
		t.Errorf("have %#v, want limit 5000 as an invalid argument", err)
	}
	if want := "limit 5000: must be 0 to 1000, where 0 means 100"; err.Error() != want {
		t.Errorf("have %q, want %q", err, want)
	}
}

// counter is a service that counts its calls.
type counter struct{ info, list int }

func (c *counter) BookInfo(context.Context, int32) (service.Book, error) {
	c.info++
	return service.Book{ID: 1, Name: "a"}, nil
}

func (c *counter) BookList(context.Context, int32, int32) ([]service.Book, error) {
	c.list++
	return nil, nil
}

func TestLatencyObeysTheContext(t *testing.T) {
	var next counter
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
	if next != (counter{}) {
		t.Errorf("calls of the next service after an interrupted delay: have %+v, want none", next)
	}
}

func TestLatencyPassesCallsOn(t *testing.T) {
	var next counter
	for _, s := range []service.Service{
		service.WithLatency(&next, time.Microsecond, 0),
		service.WithLatency(&next, 0, time.Microsecond),
	} {
		if book, err := s.BookInfo(t.Context(), 1); err != nil || book.ID != 1 {
			t.Errorf("BookInfo: have %v, %v, want book 1", book, err)
		}
		if _, err := s.BookList(t.Context(), 1, 1); err != nil {
			t.Errorf("BookList: %v", err)
		}
	}
	if next != (counter{info: 2, list: 2}) {
		t.Errorf("calls of the next service: have %+v, want 2 of each", next)
	}
}

func TestNoLatencyCostsNothing(t *testing.T) {
	next := &counter{}
	if s := service.WithLatency(next, 0, -1); s != service.Service(next) {
		t.Errorf("have %T, want the next service itself", s)
	}
}

// The clock of the synctest bubble advances by the delays only.
func TestLatencyIsUniform(t *testing.T) {
	info := func(s service.Service, ctx context.Context) error {
		_, err := s.BookInfo(ctx, 1)
		return err
	}
	list := func(s service.Service, ctx context.Context) error {
		_, err := s.BookList(ctx, 1, 1)
		return err
	}
	const maxDelay = time.Second
	tests := []struct {
		name       string
		list, info time.Duration
		call       func(service.Service, context.Context) error
	}{
		{"BookInfo", time.Hour, maxDelay, info},
		{"BookList", maxDelay, time.Hour, list},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const calls = 1000
				s := service.WithLatency(&counter{}, tt.list, tt.info)
				shortest, longest, start := time.Hour, time.Duration(0), time.Now()
				for range calls {
					begin := time.Now()
					if err := tt.call(s, t.Context()); err != nil {
						t.Fatal(err)
					}
					took := time.Since(begin)
					shortest, longest = min(shortest, took), max(longest, took)
				}
				mean := time.Since(start) / calls
				if mean < 400*time.Millisecond || mean > 600*time.Millisecond {
					t.Errorf("mean delay: have %v, want about %v", mean, maxDelay/2)
				}
				if shortest > maxDelay/10 || longest < maxDelay*9/10 || longest > maxDelay {
					t.Errorf("delays: have %v to %v, want 0 to %v", shortest, longest, maxDelay)
				}
			})
		})
	}
}

// A share of the calls fails; the others reach the next service.
func TestFailures(t *testing.T) {
	for share, want := range map[float64]int{0: 2000, 1: 0, 0.5: 1000} {
		c := &counter{}
		s := service.WithFailures(c, share)
		failed := 0
		for range 1000 {
			_, errInfo := s.BookInfo(t.Context(), 1)
			_, errList := s.BookList(t.Context(), 0, 0)
			for _, err := range []error{errInfo, errList} {
				if errors.Is(err, service.ErrSimulated) {
					failed++
				} else if err != nil {
					t.Fatal(err)
				}
			}
		}
		have := c.info + c.list
		if have+failed != 2000 || have < want-200 || have > want+200 {
			t.Errorf("share %v: have %d calls and %d failures, want about %d calls",
				share, have, failed, want)
		}
	}
}
