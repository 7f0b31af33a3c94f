package bookgrpc_test

import (
	"context"
	"testing"

	"bookservice/service"
	"bookservice/service/bookgrpc"
)

// Client and server together allocate less than once for each book of a list.
func TestAListTakesFewAllocations(t *testing.T) {
	books := make([]service.Book, 5000)
	for i := range books {
		books[i] = service.Book{ID: int32(i + 1), Name: "a book with a long name"}
	}
	svc := funcs{list: func(context.Context, int32, int32) ([]service.Book, error) {
		return books, nil
	}}
	conn, _ := serve(t, svc, nil)
	client := bookgrpc.NewClient(conn, nil)
	have := testing.AllocsPerRun(10, func() {
		list, err := client.BookList(t.Context(), 1, 0)
		if err != nil || len(list) != len(books) || list[4999] != books[4999] {
			t.Fatalf("have %d books and %v, want %d", len(list), err, len(books))
		}
	})
	if have > 1000 {
		t.Errorf("have %.0f allocations for %d books, want 1,000 at most", have, len(books))
	}
}
