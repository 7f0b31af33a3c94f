package bookgrpc_test

import (
	"context"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"

	"bookservice/api/book"
	"bookservice/service"
	"bookservice/service/bookgrpc"
	"bookservice/service/inmem"
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

// A countingCodec is a codec that a user has chosen for the connection.
type countingCodec struct {
	encoding.CodecV2
	decoded *atomic.Int64
}

func (c countingCodec) Unmarshal(data mem.BufferSlice, v any) error {
	c.decoded.Add(1)
	return c.CodecV2.Unmarshal(data, v)
}

// Name is a content-subtype, by which a call may choose the codec if it is registered.
func (countingCodec) Name() string { return "counting" }

func TestCodecOfTheCallerIsUsed(t *testing.T) {
	conn, _ := serve(t, inmem.Default(), nil)
	var decoded atomic.Int64
	codec := countingCodec{encoding.GetCodecV2(proto.Name), &decoded}
	encoding.RegisterCodecV2(codec)
	for name, opt := range map[string]grpc.CallOption{
		"forced": grpc.ForceCodecV2(codec), "by its name": grpc.CallContentSubtype("counting"),
	} {
		decoded.Store(0)
		list := &book.BookList{}
		err := conn.Invoke(t.Context(), "/book.BookService/GetBookList",
			&book.BookListParams{Page: 1}, list, opt)
		if err != nil || len(list.GetBookList()) == 0 || decoded.Load() != 2 { // server and client
			t.Errorf("%s: have %v, %v, decoded %d messages by the codec, want both",
				name, list, err, decoded.Load())
		}
	}
}
