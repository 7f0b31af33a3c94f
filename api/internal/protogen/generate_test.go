package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The committed code is what the committed .proto file gives, comments included.
func TestGeneratedCodeIsCurrent(t *testing.T) {
	t.Chdir("../..")
	out := t.TempDir()
	if err := generate(t.Context(), "book/book.proto", out); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"book/book.pb.go", "book/book_grpc.pb.go"} {
		have := read(t, name)
		if diff := cmp.Diff(read(t, filepath.Join(out, name)), have); diff != "" {
			t.Errorf("%s is not current, run go generate ./api (-want +have):\n%s", name, diff)
		}
		if !strings.Contains(have, "returns the book with the given id") && strings.Contains(name, "grpc") {
			t.Errorf("%s has not the comments of the .proto file", name)
		}
	}
}

func TestGenerateNamesTheFault(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("bad.proto", []byte("syntax = \"proto3\";\nmessage {}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"bad.proto", "absent.proto"} {
		if err := generate(t.Context(), file, "."); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: have %v, want an error that names the file", file, err)
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
