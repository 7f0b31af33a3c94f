package tracertest_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bookservice/tracer"
	"bookservice/tracer/tracertest"
)

// A fakeTest is a test that has failed or not. end ends it.
type fakeTest struct {
	testing.TB
	dir    string
	failed bool
	end    func()
	log    string
}

func (f *fakeTest) Cleanup(end func())              { f.end = end }
func (f *fakeTest) Failed() bool                    { return f.failed }
func (f *fakeTest) ArtifactDir() string             { return f.dir }
func (f *fakeTest) Helper()                         {}
func (f *fakeTest) Logf(format string, args ...any) { f.log += strings.TrimSpace(format) }

// A test that fails leaves its trace as a page; one that passes leaves nothing.
func TestPageOfAFailedTest(t *testing.T) {
	for _, failed := range []bool{false, true} {
		spans := &tracer.Memory{}
		fake := &fakeTest{TB: t, dir: t.TempDir(), failed: failed}
		tracertest.Page(fake, spans)
		c := tracer.DefaultConfig()
		c.Backend, c.ServiceName = "memory", "books"
		tr, closer, err := tracer.Open(t.Context(), c, tracer.WithMemory(spans))
		if err != nil {
			t.Fatal(err)
		}
		tr.StartSpan("find </script> & \"book\"").Finish()
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
		fake.end()
		html, err := os.ReadFile(filepath.Join(fake.dir, "traces.html"))
		switch {
		case !failed && !errors.Is(err, fs.ErrNotExist):
			t.Errorf("have %v and %d bytes of a test that passed", err, len(html))
		case failed && (err != nil || !strings.Contains(string(html), "find ") ||
			strings.Contains(string(html), "find </script>")):
			t.Errorf("have %v and %d bytes, want the span as data", err, len(html))
		case failed != (fake.log != ""):
			t.Errorf("have log %q", fake.log)
		}
	}
}
