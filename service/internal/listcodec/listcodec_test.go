package listcodec

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/encoding"
	protocodec "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"bookservice/api/book"
)

// bookList returns a message with n books.
func bookList(n int) *book.BookList {
	list := &book.BookList{}
	for i := range n {
		list.BookList = append(list.BookList,
			&book.BookInfo{BookId: int32(i - 1), BookName: fmt.Sprint("Büch ", i)})
	}
	return list
}

// split cuts data into parts of at most size bytes, as gRPC receives them.
func split(data []byte, size int) (all mem.BufferSlice) {
	for part := range slices.Chunk(data, size) {
		all = append(all, mem.SliceBuffer(part))
	}
	return all
}

// FuzzDecoding compares the decoder with the library. Names are read after the input has changed,
// because the codec gives it back to gRPC.
func FuzzDecoding(f *testing.F) {
	for _, n := range []int{0, 1, chunk - 1, chunk, chunk + 1, 1000} {
		data, err := proto.Marshal(bookList(n))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(data[:len(data)/2])
	}
	item := func(fields string) []byte { return []byte("\n" + string(rune(len(fields))) + fields) }
	for _, fields := range []string{
		"", "\x08\x00", "\x08\x01\x08\x02", "\x12\x01a\x12\x01b", "\x12\x00", "\x12\x05a", "\x12",
		"\x08", "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\x08\xff\xff\xff\xff\xff\xff\x01",
		"\x12\x02\xff\xfe", "\x18\x01", "\x1a\x01a", "\x0b\x0c", "\x10\x01", "\x0a\x01a",
		"\x88\x00\x01", "\x12\x81\x00a", "\x00\x00", "\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
	} {
		f.Add(item(fields))
	}
	f.Add([]byte("\x10\x01"))       // a field of a newer server
	f.Add([]byte("\n\x00\x12\x00")) // after a book
	f.Fuzz(func(t *testing.T, data []byte) {
		var want, have book.BookList
		wantErr := proto.Unmarshal(data, &want)
		have.BookList = bookList(1).BookList // a decoder replaces what the message had
		input := slices.Clone(data)
		err := New().Unmarshal(split(input, 100), &have)
		clear(input)
		if (err != nil) != (wantErr != nil) {
			t.Fatalf("have error %v, want %v", err, wantErr)
		}
		if err == nil && !proto.Equal(&have, &want) {
			t.Errorf("have %v, want %v", &have, &want)
		}
	})
}

func TestAllocationsAreOfChunks(t *testing.T) {
	data, err := proto.Marshal(bookList(10_000))
	if err != nil {
		t.Fatal(err)
	}
	const want = 2*10_000/chunk + 10
	have := testing.AllocsPerRun(10, func() {
		var list book.BookList
		if err := New().Unmarshal(split(data, len(data)), &list); err != nil {
			t.Fatal(err)
		}
	})
	if have > want {
		t.Errorf("have %.0f allocations, want %d at most", have, want)
	}
}

func BenchmarkDecoding(b *testing.B) {
	for _, n := range []int{10, 1000, 10_000} {
		list := bookList(n)
		for _, info := range list.GetBookList() {
			info.BookName += strings.Repeat("x", 12)
		}
		data, err := proto.Marshal(list)
		if err != nil {
			b.Fatal(err)
		}
		for name, decode := range map[string]func(mem.BufferSlice, any) error{
			"library": encoding.GetCodecV2(protocodec.Name).Unmarshal, "ours": New().Unmarshal,
		} {
			b.Run(fmt.Sprintf("%s, %d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				input := split(data, 16<<10)
				for b.Loop() {
					var list book.BookList
					if err := decode(input, &list); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
