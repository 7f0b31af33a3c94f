// Package inmem is a store of books in memory. A catalogue is read and checked once, and does not
// change afterwards.
package inmem

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"bookservice/service"
)

// A Catalogue is a [service.Service] whose books are in memory. It is immutable; its methods may be
// called concurrently.
type Catalogue struct {
	books []service.Book // sorted by id
	index map[int32]int  // position in books by id
}

// New returns a catalogue of books. It copies the slice. The error contains the number of the first
// book that is not valid, counted from 1. A book is not valid if its id is below 1 or a duplicate,
// or if its name is empty, blank or not valid UTF-8.
func New(books ...service.Book) (*Catalogue, error) {
	entries := make(map[int32]int, len(books))
	for i, book := range books {
		if err := validate(book); err != nil {
			return nil, fmt.Errorf("entry %d: %w", i+1, err)
		}
		if first, duplicate := entries[book.ID]; duplicate {
			return nil, fmt.Errorf("entry %d: duplicate id %d, first in entry %d",
				i+1, book.ID, first)
		}
		entries[book.ID] = i + 1
	}
	return newCatalogue(slices.Clone(books)), nil
}

// Default returns the built-in catalogue of two books.
func Default() *Catalogue {
	return newCatalogue([]service.Book{{ID: 1, Name: "21天精通php"}, {ID: 2, Name: "21天精通java"}})
}

func validate(book service.Book) error {
	switch {
	case book.ID < 1:
		return fmt.Errorf("id %d: must be 1 or more", book.ID)
	case !utf8.ValidString(book.Name):
		return errInvalidUTF8
	case strings.TrimSpace(book.Name) == "":
		return fmt.Errorf("id %d has an empty name", book.ID)
	}
	return nil
}

// newCatalogue returns a catalogue of valid books. It sorts the slice and keeps it.
func newCatalogue(books []service.Book) *Catalogue {
	slices.SortFunc(books, func(a, b service.Book) int { return cmp.Compare(a.ID, b.ID) })
	index := make(map[int32]int, len(books))
	for i, book := range books {
		index[book.ID] = i
	}
	return &Catalogue{books: books, index: index}
}

// BookInfo implements [service.Service].
func (c *Catalogue) BookInfo(ctx context.Context, id int32) (service.Book, error) {
	if err := ctx.Err(); err != nil {
		return service.Book{}, err
	}
	if err := service.CheckID(id); err != nil {
		return service.Book{}, err
	}
	i, ok := c.index[id]
	if !ok {
		return service.Book{}, service.NotFound(id)
	}
	return c.books[i], nil
}

// BookList implements [service.Service].
func (c *Catalogue) BookList(ctx context.Context, page, limit int32) ([]service.Book, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	offset, count, err := service.Window(page, limit)
	if err != nil {
		return nil, err
	}
	size := int64(len(c.books))
	from := min(offset, size)
	return slices.Clone(c.books[from:min(from+count, size)]), nil
}
