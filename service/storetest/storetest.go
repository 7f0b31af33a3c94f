// Package storetest is a test suite for stores of books: implementations of [service.Service] with
// a given list of books. A store runs the suite in one test of its own:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T, books []service.Book) service.Service { … })
//	}
package storetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"

	"bookservice/service"
)

// Run tests a store. It calls open once for each of its subtests. open returns a store that has
// exactly these books, which are in no particular order. open registers the clean-up of the store
// with t.Cleanup. Several stores may be open at the same time.
func Run(t *testing.T, open func(t *testing.T, books []service.Book) service.Service) {
	tests := []struct {
		name  string
		books []service.Book
		test  func(*testing.T, service.Service)
	}{
		{"info", unsorted(), testInfo},
		{"list", numbered(1200), testList},
		{"list sorted by id", unsorted(), testSorted},
		{"list is the caller's", unsorted(), testOwned},
		{"empty", nil, testEmpty},
		{"cancelled", unsorted(), testCancelled},
		{"concurrent", unsorted(), testConcurrent},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.test(t, open(t, tt.books)) })
	}
}

// unsorted returns books with the smallest and the largest id, a gap, and names that are not ASCII.
func unsorted() []service.Book {
	return []service.Book{
		{ID: math.MaxInt32, Name: "last"}, {ID: 2, Name: "21天精通java"},
		{ID: 7, Name: "Søren 📚 'x' \"y\""}, {ID: 1, Name: "21天精通php"},
	}
}

// numbered returns n books with the ids 1 to n.
func numbered(n int) []service.Book {
	books := make([]service.Book, n)
	for i := range books {
		books[i] = service.Book{ID: int32(i + 1), Name: fmt.Sprintf("book %d", i+1)}
	}
	return books
}

func testInfo(t *testing.T, s service.Service) {
	for _, want := range unsorted() {
		if have, err := s.BookInfo(t.Context(), want.ID); err != nil || have != want {
			t.Errorf("BookInfo(%d): have %+v, %v, want %+v", want.ID, have, err, want)
		}
	}
	tests := []struct {
		id   int32
		want error
		text string
	}{
		{3, service.ErrNotFound, "book 3: not found"},
		{0, service.ErrInvalidArgument, "book_id 0: must be 1 or more"},
		{-1, service.ErrInvalidArgument, "book_id -1: must be 1 or more"},
		{math.MinInt32, service.ErrInvalidArgument, "book_id -2147483648: must be 1 or more"},
	}
	for _, tt := range tests {
		have, err := s.BookInfo(t.Context(), tt.id)
		if !errors.Is(err, tt.want) || err.Error() != tt.text {
			t.Errorf("BookInfo(%d): have error %v, want %q", tt.id, err, tt.text)
		}
		if have != (service.Book{}) {
			t.Errorf("BookInfo(%d): have %+v with an error, want no book", tt.id, have)
		}
	}
}

func testList(t *testing.T, s service.Service) {
	tests := []struct {
		page, limit int32
		first, last int32 // ids; 0 for an empty page
	}{
		{0, 0, 1, 100},
		{1, 0, 1, 100},
		{2, 0, 101, 200},
		{12, 0, 1101, 1200},
		{13, 0, 0, 0},
		{1, 1, 1, 1},
		{1200, 1, 1200, 1200},
		{1201, 1, 0, 0},
		{1, 1000, 1, 1000},
		{2, 1000, 1001, 1200},
		{3, 500, 1001, 1200},
		{3, 1000, 0, 0},
		{math.MaxInt32, 1000, 0, 0}, // the offset does not fit in an int32
		{4294968, 1000, 0, 0},       // the offset modulo 2³² is less than 1200
	}
	for _, tt := range tests {
		have, err := s.BookList(t.Context(), tt.page, tt.limit)
		if err != nil {
			t.Errorf("BookList(%d, %d): %v", tt.page, tt.limit, err)
		} else if want := between(tt.first, tt.last); !slices.Equal(have, want) {
			t.Errorf("BookList(%d, %d): have %d books %v, want ids %d to %d",
				tt.page, tt.limit, len(have), have, tt.first, tt.last)
		}
	}
	testListErrors(t, s)
}

func testListErrors(t *testing.T, s service.Service) {
	tests := []struct {
		page, limit int32
		want        string
	}{
		{-1, 0, "page -1: must be 1 or more, or 0 for the first page"},
		{math.MinInt32, 10, "page -2147483648: must be 1 or more, or 0 for the first page"},
		{0, -1, "limit -1: must be 0 to 1000, where 0 means 100"},
		{1, 1001, "limit 1001: must be 0 to 1000, where 0 means 100"},
		{1, math.MaxInt32, "limit 2147483647: must be 0 to 1000, where 0 means 100"},
	}
	for _, tt := range tests {
		have, err := s.BookList(t.Context(), tt.page, tt.limit)
		if !errors.Is(err, service.ErrInvalidArgument) || err.Error() != tt.want || have != nil {
			t.Errorf("BookList(%d, %d): have %v, error %v, want error %q",
				tt.page, tt.limit, have, err, tt.want)
		}
	}
}

// between returns the books of numbered with the ids first to last.
func between(first, last int32) []service.Book {
	if first == 0 {
		return nil
	}
	return numbered(int(last))[first-1:]
}

func testSorted(t *testing.T, s service.Service) {
	want := unsorted()
	slices.SortFunc(want, func(a, b service.Book) int { return cmp.Compare(a.ID, b.ID) })
	if have, err := s.BookList(t.Context(), 1, 0); err != nil || !slices.Equal(have, want) {
		t.Errorf("BookList: have %v, %v, want %v", have, err, want)
	}
}

func testOwned(t *testing.T, s service.Service) {
	first, err := s.BookList(t.Context(), 1, 2)
	if err != nil || len(first) != 2 {
		t.Fatalf("BookList: have %v, %v, want 2 books", first, err)
	}
	_ = append(first, service.Book{ID: 99, Name: "appended"})
	first[0].Name = "changed"
	all, err := s.BookList(t.Context(), 1, 0)
	if err != nil || len(all) != 4 || all[0].Name != "21天精通php" || all[2].ID != 7 {
		t.Errorf("BookList after a change of an earlier page: have %v, %v", all, err)
	}
}

func testEmpty(t *testing.T, s service.Service) {
	if have, err := s.BookList(t.Context(), 1, 0); err != nil || len(have) != 0 {
		t.Errorf("BookList: have %v, %v, want an empty page", have, err)
	}
	if _, err := s.BookInfo(t.Context(), 1); !errors.Is(err, service.ErrNotFound) {
		t.Errorf("BookInfo: have %v, want %v", err, service.ErrNotFound)
	}
}

func testCancelled(t *testing.T, s service.Service) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.BookInfo(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("BookInfo: have %v, want %v", err, context.Canceled)
	}
	if _, err := s.BookList(ctx, 1, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("BookList: have %v, want %v", err, context.Canceled)
	}
}

func testConcurrent(t *testing.T, s service.Service) {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if have, err := s.BookInfo(t.Context(), 7); err != nil || have.ID != 7 {
					t.Errorf("BookInfo: have %v, %v, want book 7", have, err)
				}
				if have, err := s.BookList(t.Context(), 1, 3); err != nil || len(have) != 3 {
					t.Errorf("BookList: have %v, %v, want 3 books", have, err)
				}
			}
		})
	}
	wg.Wait()
}
