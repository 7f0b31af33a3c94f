package bookendpoint_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"bookservice/service"
	"bookservice/service/bookendpoint"
	"bookservice/service/inmem"
)

// The endpoints share a limit of two calls an hour. Further calls are rejected.
func ExampleGuards() {
	config := bookendpoint.Config{
		RateEvery: time.Hour,
		RateBurst: 2,
		RateMode:  bookendpoint.RateReject,
	}
	books := bookendpoint.New(inmem.Default(), bookendpoint.Guards(config, slog.Default()))

	ctx := context.Background()
	book, err := books.BookInfo(ctx, 1)
	fmt.Println(book.Name, err)
	_, err = books.BookInfo(ctx, 99)
	fmt.Println(err, errors.Is(err, service.ErrNotFound))
	_, err = books.BookList(ctx, 1, 10)
	fmt.Println(errors.Is(err, bookendpoint.ErrLimited))
	// Output:
	// 21天精通php <nil>
	// book 99: not found true
	// true
}

// A business error is part of the response. The endpoint itself returns no error.
func ExampleNew() {
	set := bookendpoint.New(inmem.Default())
	response, err := set.Info(context.Background(), bookendpoint.InfoRequest{ID: 99})
	fmt.Println(response.(bookendpoint.InfoResponse).Failed(), err)
	// Output: book 99: not found <nil>
}
