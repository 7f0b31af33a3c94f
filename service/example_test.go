package service_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"bookservice/service"
	"bookservice/service/inmem"
)

// The errors of a service are tested with [errors.Is] and [errors.AsType].
func Example() {
	var books service.Service = inmem.Default()
	_, err := books.BookInfo(context.Background(), 99)
	fmt.Println(err, errors.Is(err, service.ErrNotFound))

	_, err = books.BookList(context.Background(), 1, 5000)
	if field, ok := errors.AsType[*service.FieldError](err); ok {
		fmt.Println(field.Field, "must be", field.Allowed)
	}
	// Output:
	// book 99: not found true
	// limit must be 0 to 1000, where 0 means 100
}

// Page 3 of pages of 20 books begins after 40 books.
func ExampleWindow() {
	offset, count, err := service.Window(3, 20)
	fmt.Println(offset, count, err)
	// Output: 40 20 <nil>
}

// A delay that is longer than the caller waits ends with the context's error.
func ExampleWithLatency() {
	slow := service.WithLatency(inmem.Default(), 0, 1<<62)
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_, err := slow.BookInfo(ctx, 1)
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	// Output: true
}
