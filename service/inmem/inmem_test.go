package inmem_test

import (
	"errors"
	"io"
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

// New neither sorts the caller's slice nor refers to it later.
func TestNewCopies(t *testing.T) {
	books := []service.Book{{ID: 2, Name: "b"}, {ID: 1, Name: "a"}}
	catalogue, err := inmem.New(books...)
	if err != nil {
		t.Fatal(err)
	}
	if books[0].ID != 2 {
		t.Errorf("the caller's slice: have %v, want it unsorted", books)
	}
	books[0].Name = "changed"
	if have, err := catalogue.BookInfo(t.Context(), 2); err != nil || have.Name != "b" {
		t.Errorf("after a change of the caller's slice: have %v, %v, want name b", have, err)
	}
}

func TestNewRefuses(t *testing.T) {
	_, err := inmem.New(service.Book{ID: 1, Name: "a"}, service.Book{ID: 2, Name: "\xff"})
	if want := "entry 2: not valid UTF-8"; err == nil || err.Error() != want {
		t.Errorf("have %v, want %s", err, want)
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
	want := []service.Book{{ID: 3, Name: "书"}, {ID: 7, Name: "go"}}
	if err != nil || !slices.Equal(have, want) {
		t.Errorf("have %v, %v, want %v", have, err, want)
	}
}

func TestLoadNamesTheFile(t *testing.T) {
	absent := filepath.Join(t.TempDir(), "absent.json")
	if _, err := inmem.Load(absent); err == nil || !strings.Contains(err.Error(), absent) {
		t.Errorf("have %v, want an error that contains %s", err, absent)
	}
	_, err := inmem.Read(iotest.ErrReader(os.ErrPermission), "books.json")
	want := "books.json: " + os.ErrPermission.Error()
	if err == nil || err.Error() != want || !errors.Is(err, os.ErrPermission) {
		t.Errorf("have %v, want %s", err, want)
	}
}

func TestReadRefuses(t *testing.T) {
	const good = `{"id":7,"name":"a"},`
	const idRange = "entry 1: id must be a whole number from 1 to 2147483647, not "
	const form = `not a JSON array of books, [{"id":1,"name":"…"}]`
	eof := io.ErrUnexpectedEOF.Error()
	tests := []struct{ name, json, want string }{
		{"duplicate", "[" + good + `{"id":8,"name":"b"},{"id":7,"name":"c"}]`,
			"entry 3: duplicate id 7, first in entry 1"},
		{"id 0", "[" + good + `{"id":0,"name":"b"}]`, "entry 2: id 0: must be 1 or more"},
		{"id negative", `[{"id":-5,"name":"b"}]`, "entry 1: id -5: must be 1 or more"},
		{"id missing", `[{"name":"b"}]`, "entry 1: id 0: must be 1 or more"},
		{"id too large", `[{"id":2147483648,"name":"b"}]`, idRange + "number 2147483648"},
		{"id huge", `[{"id":1e99,"name":"b"}]`, idRange + "number 1e99"},
		{"id a fraction", `[{"id":1.5,"name":"b"}]`, idRange + "number 1.5"},
		{"id a string", `[{"id":"1","name":"b"}]`, idRange + "string"},
		{"name empty", "[" + good + `{"id":1,"name":""}]`, "entry 2: id 1 has an empty name"},
		{"name of spaces", `[{"id":1,"name":" \t\u3000"}]`, "entry 1: id 1 has an empty name"},
		{"name missing", `[{"id":1}]`, "entry 1: id 1 has an empty name"},
		{"name a number", `[{"id":1,"name":5}]`, "entry 1: name must be a string, not number"},
		{"invalid UTF-8", "[" + good + "{\"id\":1,\"name\":\"\xb0\xa1\"}]",
			"entry 2: not valid UTF-8"},
		{"invalid UTF-8 in a key", "[{\"id\":1,\"na\xffme\":\"a\"}]", "entry 1: not valid UTF-8"},
		{"half a surrogate pair", `[{"id":1,"name":"\ud83d"}]`,
			"entry 1: name contains U+FFFD, the replacement for invalid characters"},
		{"unknown field", `[{"id":1,"name":"a","isbn":"x"}]`, `entry 1: unknown field "isbn"`},
		{"unknown fields", `[{"b":1,"id":1,"a":{},"name":"a"}]`, `entry 1: unknown field "a"`},
		{"entry a number", "[" + good + `5]`,
			`entry 2: must be an object {"id":1,"name":"…"}, not number`},
		{"entry null", `[null]`, "entry 1: id 0: must be 1 or more"},
		{"second array", "[" + good + `{"id":1,"name":"a"}] []`,
			"data after the end of the array, which has 2 entries"},
		{"trailing garbage", `[] x`, "data after the end of the array, which has 0 entries"},
		{"end in an entry", "[" + good + `{"id":1,"na`, "entry 2: " + eof},
		{"end between entries", `[{"id":1,"name":"a"}`, "after entry 1: " + eof},
		{"end after a comma", "[" + good, "entry 2: " + eof},
		{"an object", `{"id":1,"name":"a"}`, form},
		{"empty", ``, form},
		{"no JSON", `id,name`, form},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			catalogue, err := inmem.Read(strings.NewReader(tt.json), "books.json")
			want := "books.json: " + tt.want
			if err == nil || err.Error() != want || catalogue != nil {
				t.Errorf("have %v\nwant %s", err, want)
			}
		})
	}
}

// As in encoding/json, the case of field names does not matter.
func TestReadIgnoresTheCaseOfFields(t *testing.T) {
	catalogue, err := inmem.Read(strings.NewReader(`[{"ID":1,"Name":"a"}]`), "books.json")
	if err != nil {
		t.Fatal(err)
	}
	if have, err := catalogue.BookInfo(t.Context(), 1); err != nil || have.Name != "a" {
		t.Errorf("have %v, %v, want name a", have, err)
	}
}
