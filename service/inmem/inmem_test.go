package inmem_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"bookservice/service"
	"bookservice/service/inmem"
	"bookservice/service/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T, books []service.Book) service.Service {
		catalogue, err := inmem.New(books...)
		if err != nil {
			t.Fatal(err)
		}
		return catalogue
	})
}

func TestDefault(t *testing.T) {
	have, err := inmem.Default().BookList(t.Context(), 1, 0)
	want := []service.Book{{ID: 1, Name: "21天精通php"}, {ID: 2, Name: "21天精通java"}}
	if err != nil || !slices.Equal(have, want) {
		t.Errorf("have %v, %v, want %v", have, err, want)
	}
}

// A catalogue does not follow what becomes of the caller's slice, nor sorts it.
func TestNewCopies(t *testing.T) {
	books := []service.Book{{ID: 2, Name: "b"}, {ID: 1, Name: "a"}}
	catalogue, err := inmem.New(books...)
	if err != nil {
		t.Fatal(err)
	}
	if books[0].ID != 2 {
		t.Errorf("the caller's slice is sorted: %v", books)
	}
	books[0].Name = "changed"
	if have, err := catalogue.BookInfo(t.Context(), 2); err != nil || have.Name != "b" {
		t.Errorf("have %v, %v, want b", have, err)
	}
}

func TestNewRefuses(t *testing.T) {
	if _, err := inmem.New(service.Book{ID: 1, Name: "a"}, service.Book{ID: 2, Name: "\xff"}); err == nil ||
		err.Error() != "entry 2: not valid UTF-8" {
		t.Errorf("have %v", err)
	}
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "books.json")
	content := "\ufeff" + `[{"name":"go","id":7}, {"id":3,"name":"\u4e66"}]` + "\n"
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	catalogue, err := inmem.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	have, err := catalogue.BookList(t.Context(), 1, 0)
	if want := []service.Book{{ID: 3, Name: "书"}, {ID: 7, Name: "go"}}; err != nil || !slices.Equal(have, want) {
		t.Errorf("have %v, %v, want %v", have, err, want)
	}
}

func TestLoadNamesTheFile(t *testing.T) {
	absent := filepath.Join(t.TempDir(), "absent.json")
	if _, err := inmem.Load(absent); err == nil || !strings.Contains(err.Error(), absent) {
		t.Errorf("have %v, want an error that names %s", err, absent)
	}
	if _, err := inmem.Read(iotest.ErrReader(os.ErrPermission), "books.json"); err == nil ||
		err.Error() != "books.json: permission denied" {
		t.Errorf("have %v", err)
	}
}

func TestReadRefuses(t *testing.T) {
	const good = `{"id":7,"name":"a"},`
	const idRange = ": must be a whole number from 1 to 2147483647"
	const form = `not a JSON array of books, [{"id":1,"name":"…"}]`
	tests := []struct{ name, json, want string }{
		{"duplicate", "[" + good + `{"id":8,"name":"b"},{"id":7,"name":"c"}]`, "entry 3: id 7 is already taken by entry 1"},
		{"id 0", "[" + good + `{"id":0,"name":"b"}]`, "entry 2: id 0: must be 1 or more"},
		{"id negative", `[{"id":-5,"name":"b"}]`, "entry 1: id -5: must be 1 or more"},
		{"id missing", `[{"name":"b"}]`, "entry 1: id 0: must be 1 or more"},
		{"id too great", `[{"id":2147483648,"name":"b"}]`, "entry 1: id is number 2147483648" + idRange},
		{"id huge", `[{"id":1e99,"name":"b"}]`, "entry 1: id is number 1e99" + idRange},
		{"id a fraction", `[{"id":1.5,"name":"b"}]`, "entry 1: id is number 1.5" + idRange},
		{"id a string", `[{"id":"1","name":"b"}]`, "entry 1: id is string" + idRange},
		{"name empty", "[" + good + `{"id":1,"name":""}]`, "entry 2: id 1 has an empty name"},
		{"name of spaces", `[{"id":1,"name":" \t\u3000"}]`, "entry 1: id 1 has an empty name"},
		{"name missing", `[{"id":1}]`, "entry 1: id 1 has an empty name"},
		{"name a number", `[{"id":1,"name":5}]`, "entry 1: name is number: must be a string"},
		{"invalid UTF-8", "[" + good + "{\"id\":1,\"name\":\"\xb0\xa1\"}]", "entry 2: not valid UTF-8"},
		{"invalid UTF-8 in a key", "[{\"id\":1,\"na\xffme\":\"a\"}]", "entry 1: not valid UTF-8"},
		{"half a surrogate pair", `[{"id":1,"name":"\ud83d"}]`,
			"entry 1: name holds U+FFFD, which stands for a damaged character"},
		{"unknown field", `[{"id":1,"name":"a","isbn":"x"}]`, `entry 1: json: unknown field "isbn"`},
		{"entry a number", "[" + good + `5]`, `entry 2: number is no book: must be {"id":1,"name":"…"}`},
		{"entry null", `[null]`, "entry 1: id 0: must be 1 or more"},
		{"trailing array", "[" + good + `{"id":1,"name":"a"}] []`, "data after the array, which ends with entry 2"},
		{"trailing garbage", `[] x`, "data after the array, which ends with entry 0"},
		{"cut in an entry", "[" + good + `{"id":1,"na`, "entry 2: unexpected EOF"},
		{"cut between entries", `[{"id":1,"name":"a"}`, "after entry 1: unexpected EOF"},
		{"cut after a comma", "[" + good, "entry 2: unexpected EOF"},
		{"an object", `{"id":1,"name":"a"}`, form},
		{"empty", ``, form},
		{"no JSON", `id,name`, form},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			catalogue, err := inmem.Read(strings.NewReader(tt.json), "books.json")
			if want := "books.json: " + tt.want; err == nil || err.Error() != want || catalogue != nil {
				t.Errorf("have %v\nwant %s", err, want)
			}
		})
	}
}
