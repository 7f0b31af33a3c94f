// Package inmem keeps the catalogue in memory. It is read once, checked, and never changes.
package inmem

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"bookservice/service"
)

// A Catalogue is a [service.Service] over books in memory. It is immutable and may be used concurrently.
type Catalogue struct {
	books []service.Book // by id
	index map[int32]int  // id → position in books
}

// New returns a catalogue of books, which it copies. The error names the first book that cannot be in a catalogue by its
// number, counted from 1: an id below 1 or already taken, a name that is empty or no valid UTF-8.
func New(books ...service.Book) (*Catalogue, error) {
	entries := make(map[int32]int, len(books))
	for i, book := range books {
		if err := check(book); err != nil {
			return nil, fmt.Errorf("entry %d: %w", i+1, err)
		}
		if first, taken := entries[book.ID]; taken {
			return nil, fmt.Errorf("entry %d: id %d is already taken by entry %d", i+1, book.ID, first)
		}
		entries[book.ID] = i + 1
	}
	return build(slices.Clone(books)), nil
}

// Default returns the catalogue that is served when no other is given: two books.
func Default() *Catalogue {
	return build([]service.Book{{ID: 1, Name: "21天精通php"}, {ID: 2, Name: "21天精通java"}})
}

func check(book service.Book) error {
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

func build(books []service.Book) *Catalogue {
	slices.SortFunc(books, func(a, b service.Book) int { return int(a.ID) - int(b.ID) })
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
