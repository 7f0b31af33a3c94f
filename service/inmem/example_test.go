package inmem_test

import (
	"context"
	"fmt"
	"strings"

	"bookservice/service/inmem"
)

func ExampleRead() {
	const good = `[{"id": 2, "name": "Go"}, {"id": 1, "name": "Java"}]`
	books, err := inmem.Read(strings.NewReader(good), "books.json")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(books.BookList(context.Background(), 1, 0))

	const bad = `[{"id": 7, "name": "Go"}, {"id": 7, "name": "Java"}]`
	_, err = inmem.Read(strings.NewReader(bad), "books.json")
	fmt.Println(err)
	// Output:
	// [{1 Java} {2 Go}] <nil>
	// books.json: entry 2: duplicate id 7, first in entry 1
}
