package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The committed code is the output for the committed .proto file, comments included.
func TestGeneratedCodeIsCurrent(t *testing.T) {
	const api = "../.."
	out := t.TempDir()
	if err := generate(t.Context(), api, "book/book.proto", out); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"book/book.pb.go", "book/book_grpc.pb.go"} {
		have := read(t, filepath.Join(api, name))
		if diff := cmp.Diff(read(t, filepath.Join(out, name)), have); diff != "" {
			t.Errorf("%s is not current, run go generate ./api (-want +have):\n%s", name, diff)
		}
		const comment = "returns the book with the given id"
		if strings.Contains(name, "grpc") && !strings.Contains(have, comment) {
			t.Errorf("%s lacks the comments of the .proto file", name)
		}
	}
}

func TestGenerateNamesTheFault(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.proto")
	if err := os.WriteFile(bad, []byte("syntax = \"proto3\";\nmessage {}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"bad.proto", "absent.proto"} {
		err := generate(t.Context(), dir, file, dir)
		if err == nil || !strings.Contains(err.Error(), file) {
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
