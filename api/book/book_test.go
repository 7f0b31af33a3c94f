package book_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"bookservice/api/book"
)

// The encoding is part of the API: fields are numbered from 1, in the order of the .proto file.
func TestWireFormat(t *testing.T) {
	tests := []struct {
		name    string
		message proto.Message
		want    []byte
	}{
		{"BookInfoParams", &book.BookInfoParams{BookId: 7}, []byte{0x08, 7}},
		{"BookInfo", &book.BookInfo{BookId: 7, BookName: "Go"}, []byte{0x08, 7, 0x12, 2, 'G', 'o'}},
		{"BookListParams", &book.BookListParams{Page: 2, Limit: 5}, []byte{0x08, 2, 0x10, 5}},
		{"BookList", &book.BookList{BookList: []*book.BookInfo{{BookId: 1}}},
			[]byte{0x0a, 2, 0x08, 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			have, err := proto.Marshal(tt.message)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, have); diff != "" {
				t.Errorf("bytes (-want +have):\n%s", diff)
			}
		})
	}
}

func TestFullMethodNames(t *testing.T) {
	have := []string{
		book.BookService_GetBookInfo_FullMethodName, book.BookService_GetBookList_FullMethodName,
	}
	want := []string{"/book.BookService/GetBookInfo", "/book.BookService/GetBookList"}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("methods (-want +have):\n%s", diff)
	}
}
