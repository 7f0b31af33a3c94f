package inmem

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"bookservice/service"
)

var (
	errInvalidUTF8     = errors.New("not valid UTF-8")
	errReplacementChar = errors.New("name contains U+FFFD, the replacement for invalid characters")
)

// Load reads a catalogue from a JSON file. See [Read] for the format and the errors.
func Load(path string) (*Catalogue, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err // contains the path
	}
	defer file.Close()
	return Read(file, path)
}

// Read reads a catalogue from JSON (RFC 8259): an array of objects, [{"id":1,"name":"…"}], in any
// order. A byte order mark at the beginning is ignored. Read returns an error for the books that
// [New] does not accept, for unknown fields, for ids that do not fit in an int32, and for data
// after the array. The error is one line. It begins with name and, if one entry is not valid, the
// number of this entry, counted from 1:
//
//	books.json: entry 3: duplicate id 7, first in entry 1
func Read(r io.Reader, name string) (*Catalogue, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	books, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	catalogue, err := New(books...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return catalogue, nil
}

func decode(data []byte) ([]service.Book, error) {
	// Some editors on Windows write a byte order mark, which is not valid JSON.
	dec := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	if token, err := dec.Token(); err != nil || token != json.Delim('[') {
		return nil, errors.New(`not a JSON array of books, [{"id":1,"name":"…"}]`)
	}
	var books []service.Book
	for dec.More() {
		book, err := decodeEntry(dec)
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", len(books)+1, err)
		}
		books = append(books, book)
	}
	if _, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("after entry %d: %w", len(books), unexpectedEOF(err))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("data after the end of the array, which has %d entries", len(books))
	}
	return books, nil
}

type entry struct {
	ID   int32  `json:"id"`
	Name string `json:"name"`
}

func decodeEntry(dec *json.Decoder) (service.Book, error) {
	var raw json.RawMessage
	if err := dec.Decode(&raw); err != nil {
		return service.Book{}, unexpectedEOF(err)
	}
	// Check before decoding: encoding/json replaces invalid UTF-8 by U+FFFD without an error.
	if !utf8.Valid(raw) {
		return service.Book{}, errInvalidUTF8
	}
	var e entry
	if err := json.Unmarshal(raw, &e); err != nil {
		return service.Book{}, describeTypeError(err)
	}
	if err := checkFields(raw); err != nil {
		return service.Book{}, err
	}
	// U+FFFD in valid UTF-8 comes from half a surrogate pair ("\ud83d"), or from a program that
	// replaced invalid UTF-8 before.
	if strings.ContainsRune(e.Name, utf8.RuneError) {
		return service.Book{}, errReplacementChar
	}
	return service.Book{ID: e.ID, Name: e.Name}, nil
}

// checkFields returns an error if the object has a field that entry does not have. Like
// encoding/json it ignores the case of names. The option DisallowUnknownFields has no error type.
func checkFields(object []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(object, &fields); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !strings.EqualFold(name, "id") && !strings.EqualFold(name, "name") {
			return fmt.Errorf("unknown field %q", name)
		}
	}
	return nil
}

// describeTypeError replaces the Go types in a type error of encoding/json by the types of the file
// format. It returns other errors unchanged.
func describeTypeError(err error) error {
	mismatch, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok {
		return err
	}
	switch mismatch.Field {
	case "id":
		return fmt.Errorf("id must be a whole number from 1 to 2147483647, not %s", mismatch.Value)
	case "name":
		return fmt.Errorf("name must be a string, not %s", mismatch.Value)
	}
	return fmt.Errorf(`must be an object {"id":1,"name":"…"}, not %s`, mismatch.Value)
}

// unexpectedEOF returns [io.ErrUnexpectedEOF] for [io.EOF], and other errors unchanged.
func unexpectedEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
