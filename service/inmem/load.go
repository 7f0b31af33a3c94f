package inmem

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"bookservice/service"
)

var errInvalidUTF8 = errors.New("not valid UTF-8")

// Load reads a catalogue from a JSON file, as [Read] does.
func Load(path string) (*Catalogue, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err // names the path
	}
	defer file.Close()
	return Read(file, path)
}

// Read reads a catalogue from JSON (RFC 8259), an array of objects: [{"id":1,"name":"…"}]. The order does not matter. It
// refuses what [New] refuses, and unknown fields, ids that are no int32 and data after the array. The error is one line
// that begins with name and, when an entry is at fault, its number, counted from 1:
//
//	books.json: entry 3: id 7 is already taken by entry 1
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
	// Editors on Windows put a byte order mark first.
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
		return nil, fmt.Errorf("after entry %d: %w", len(books), unexpected(err))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("data after the array, which ends with entry %d", len(books))
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
		return service.Book{}, unexpected(err)
	}
	// Here and not later: encoding/json replaces what is invalid by U+FFFD and says nothing.
	if !utf8.Valid(raw) {
		return service.Book{}, errInvalidUTF8
	}
	strict := json.NewDecoder(bytes.NewReader(raw))
	strict.DisallowUnknownFields()
	var e entry
	if err := strict.Decode(&e); err != nil {
		return service.Book{}, explain(err)
	}
	// What is left is half a surrogate pair ("\ud83d"), or a file that was damaged before.
	if strings.ContainsRune(e.Name, utf8.RuneError) {
		return service.Book{}, errors.New("name holds U+FFFD, which stands for a damaged character")
	}
	return service.Book{ID: e.ID, Name: e.Name}, nil
}

// explain puts a mistaken type in the file's terms instead of Go's.
func explain(err error) error {
	wrong, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok {
		return err
	}
	switch wrong.Field {
	case "id":
		return fmt.Errorf("id is %s: must be a whole number from 1 to 2147483647", wrong.Value)
	case "name":
		return fmt.Errorf("name is %s: must be a string", wrong.Value)
	}
	return fmt.Errorf(`%s is no book: must be {"id":1,"name":"…"}`, wrong.Value)
}

// unexpected says the file stops short, where the decoder says EOF.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
