package main

import (
	"bytes"
	"context"
	"regexp"
	"testing"
	"time"
)

// tree is the trace of one run: the caller, and a CLIENT span with its SERVER span for each call.
var tree = regexp.MustCompile(`bookCaller bookclient \S+
├─ book.BookService/GetBookInfo CLIENT bookclient \S+
│  └─ book.BookService/GetBookInfo SERVER bookserver \S+
└─ book.BookService/GetBookList CLIENT bookclient \S+
   └─ book.BookService/GetBookList SERVER bookserver \S+
$`)

func TestDemoPrintsResultsAndTree(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var out, errs bytes.Buffer
	if code := run(ctx, []string{"-exit"}, &out, &errs); code != 0 {
		t.Fatalf("have status %d: %s", code, errs.String())
	}
	if !tree.MatchString(out.String()) {
		t.Errorf("have output\n%s", out.String())
	}
}
