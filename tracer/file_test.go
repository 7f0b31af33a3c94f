package tracer_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/log"
	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer"
	"bookservice/tracer/tracertest/testkit"
)

// readSpans reads files with one span a line. It uses zipkin-go's decoder.
func readSpans(t *testing.T, paths ...string) []model.SpanModel {
	t.Helper()
	var all []model.SpanModel
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(data) {
			var m model.SpanModel
			if err := json.Unmarshal(line, &m); err != nil {
				t.Fatalf("%s: %v in %.200s", path, err, line)
			}
			all = append(all, m)
		}
	}
	return all
}

func fileConfig(t *testing.T) tracer.Config {
	c := config("file")
	c.File.Path = filepath.Join(t.TempDir(), "spans.json")
	return c
}

func openFile(
	t *testing.T, change func(*tracer.Config),
) (opentracing.Tracer, func() []model.SpanModel) {
	c := fileConfig(t)
	return openSuite(t, c, change, func() []model.SpanModel { return readSpans(t, c.File.Path) })
}

// TestFileAndMemoryReportTheSameSpan sends a span with all possible fields to both backends.
func TestFileAndMemoryReportTheSameSpan(t *testing.T) {
	c := fileConfig(t)
	c.Backend, c.Address = "file,memory", "[::1]:50051"
	m := &tracer.Memory{}
	tr, closer := open(t, c, tracer.WithMemory(m))
	root := tr.StartSpan("root", opentracing.Tag{Key: "sampling.priority", Value: 1})
	s := tr.StartSpan("call", opentracing.ChildOf(root.Context()), opentracing.Tags{
		"span.kind": "client", "peer.service": "b", "peer.address": "10.0.0.1:80",
	})
	s.SetTag("odd", "\"\\\n\x00\x1f\x7f\u2028ü😀</script>").SetTag("n", 1)
	s.LogFields(log.String("event", "retry"), log.String("text", "a\tb"))
	s.Finish()
	root.Finish()
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	have, want := readSpans(t, c.File.Path), m.Spans()
	for i := range want { // encoded and decoded by zipkin-go
		data, err := json.Marshal(want[i])
		if err != nil {
			t.Fatal(err)
		}
		want[i] = model.SpanModel{}
		if err := json.Unmarshal(data, &want[i]); err != nil {
			t.Fatal(err)
		}
	}
	opts := cmp.Options{cmpopts.EquateEmpty(), cmpopts.EquateApproxTime(1000)}
	if diff := cmp.Diff(want, have, opts); diff != "" || len(have) != 2 {
		t.Errorf("have %d spans: -want +have\n%s", len(have), diff)
	}
}

// TestFileIsRotatedBetweenLines writes more than three files hold.
func TestFileIsRotatedBetweenLines(t *testing.T) {
	c := fileConfig(t)
	c.File.MaxBytes, c.File.Keep = 1<<20, 2
	tr, closer := open(t, c)
	const spans = 6000
	for i := range spans {
		tr.StartSpan(fmt.Sprint(i)).SetTag("pad", strings.Repeat("x", 500)).Finish()
	}
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	paths := []string{c.File.Path + ".2", c.File.Path + ".1", c.File.Path}
	have := readSpans(t, paths...)
	if have[len(have)-1].Name != fmt.Sprint(spans-1) || len(have) == spans {
		t.Errorf("have %d spans up to %s, want the newest of %d",
			len(have), have[len(have)-1].Name, spans)
	}
	byStart := func(a, b model.SpanModel) int { return a.Timestamp.Compare(b.Timestamp) }
	if !slices.IsSortedFunc(have, byStart) {
		t.Error("the spans are not in order across the files")
	}
	for _, path := range paths {
		if info, err := os.Stat(path); err != nil || info.Size() > c.File.MaxBytes {
			t.Errorf("%s: have %v, %v, want at most %d bytes", path, info, err, c.File.MaxBytes)
		}
	}
	if _, err := os.Stat(c.File.Path + ".3"); err == nil {
		t.Error("have a third rotated file, want 2")
	}
}

// TestNoRotatedFileIsKept rotates without keeping files.
func TestNoRotatedFileIsKept(t *testing.T) {
	c := fileConfig(t)
	c.File.MaxBytes, c.File.Keep = 1<<20, 0
	tr, closer := open(t, c)
	for range 3000 {
		tr.StartSpan("call").SetTag("pad", strings.Repeat("x", 500)).Finish()
	}
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(c.File.Path + "*")
	want := []string{c.File.Path, c.File.Path + ".lock"}
	if err != nil || !slices.Equal(files, want) {
		t.Errorf("have %v, %v, want %v", files, err, want)
	}
	if n := len(readSpans(t, c.File.Path)); n == 0 || n >= 3000 {
		t.Errorf("have %d spans, want the newest", n)
	}
}

// TestFileThatIsMoved moves the file and then its folder. The backend continues in a new file, and
// keeps the spans while there is no folder.
func TestFileThatIsMoved(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	c := fileConfig(t)
	folder := filepath.Dir(c.File.Path)
	tr, closer := open(t, c)
	has := func(name string) func() bool {
		return func() bool {
			data, err := os.ReadFile(c.File.Path)
			return err == nil && bytes.Contains(data, []byte(`"name":"`+name+`"`))
		}
	}
	tr.StartSpan("one").Finish()
	testkit.Eventually(t, "the first span is written", has("one"))
	if err := os.Rename(c.File.Path, c.File.Path+".old"); err != nil {
		t.Fatal(err)
	}
	tr.StartSpan("two").Finish()
	testkit.Eventually(t, "a new file is written", has("two"))
	if err := os.Rename(folder, folder+".away"); err != nil {
		t.Fatal(err)
	}
	tr.StartSpan("three").Finish()
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "the folder is used again", has("three"))
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
}

// TestFileOnAFullDisk keeps spans until the disk has room again.
func TestFileOnAFullDisk(t *testing.T) {
	t.Parallel()
	c := fileConfig(t)
	if err := os.Symlink("/dev/full", c.File.Path); err != nil {
		t.Fatal(err)
	}
	var log testkit.Buffer
	tr, closer := open(t, c, tracer.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	for range 100 {
		tr.StartSpan("call").Finish()
	}
	testkit.Eventually(t, "the cause is logged", func() bool {
		return strings.Contains(log.String(), "no space left on device")
	})
	if err := os.Remove(c.File.Path); err != nil { // the next file has room
		t.Fatal(err)
	}
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
	if n := len(readSpans(t, c.File.Path)); n != 100 {
		t.Errorf("have %d spans, want all 100", n)
	}
}

// TestFileThatCannotBeRotated checks that the file does not grow, and that the spans are written
// when it can be rotated.
func TestFileThatCannotBeRotated(t *testing.T) {
	t.Parallel()
	c := fileConfig(t)
	c.File.MaxBytes, c.File.Keep = 1<<20, 1
	taken := filepath.Join(c.File.Path+".1", "taken")
	if err := os.MkdirAll(taken, 0o700); err != nil { // no file can be renamed to it
		t.Fatal(err)
	}
	full := strings.Repeat("{}\n", 1<<20/3)
	if err := os.WriteFile(c.File.Path, []byte(full), 0o600); err != nil {
		t.Fatal(err)
	}
	var lines testkit.Buffer
	tr, closer := open(t, c, tracer.WithLogger(slog.New(slog.NewTextHandler(&lines, nil))))
	tr.StartSpan("call").Finish()
	testkit.Eventually(t, "the cause is logged", func() bool {
		return strings.Contains(lines.String(), "file exists")
	})
	if have, err := os.ReadFile(c.File.Path); err != nil || string(have) != full {
		t.Errorf("have %d bytes, %v, want the file unchanged", len(have), err)
	}
	if err := os.RemoveAll(c.File.Path + ".1"); err != nil {
		t.Fatal(err)
	}
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
	if have := readSpans(t, c.File.Path); len(have) != 1 || have[0].Name != "call" {
		t.Errorf("have %v in the new file, want the span", have)
	}
}

// TestFileThatEndsWithinALine appends to a file of a process that was killed while it wrote a line.
func TestFileThatEndsWithinALine(t *testing.T) {
	c := fileConfig(t)
	if err := os.WriteFile(c.File.Path, []byte(`{"traceId":"1`), 0o600); err != nil {
		t.Fatal(err)
	}
	tr, closer := open(t, c)
	tr.StartSpan("call").Finish()
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(c.File.Path)
	if err != nil {
		t.Fatal(err)
	}
	part, rest, _ := strings.Cut(string(data), "\n")
	if part != `{"traceId":"1` || !json.Valid([]byte(rest)) ||
		!strings.Contains(rest, `"name":"call"`) {
		t.Errorf("have %q, want the span on a line of its own", data)
	}
}

// TestFileSettings opens the backend with invalid settings, and with a file that another tracer
// writes to.
func TestFileSettings(t *testing.T) {
	c := fileConfig(t)
	_, closer := open(t, c)
	const mustBeWritable = ": must be a file that can be written to: "
	for want, change := range map[string]func(*tracer.Config){
		`-file-path "": must not be empty for -tracer file`: func(c *tracer.Config) {
			c.File.Path = ""
		},
		`-file-max-bytes 1: must be 1048576 or more`: func(c *tracer.Config) {
			c.File.MaxBytes = 1
		},
		`-file-keep -1: must be 0 or more`: func(c *tracer.Config) { c.File.Keep = -1 },
		`-file-path "` + c.File.Path + `"` + mustBeWritable + `another process writes to it`: func(
			*tracer.Config) {
		},
		`-file-path "/no/such/x"` + mustBeWritable +
			`open /no/such/x.lock: no such file or directory`: func(c *tracer.Config) {
			c.File.Path = "/no/such/x"
		},
	} {
		c := c
		change(&c)
		if _, _, err := tracer.Open(t.Context(), c); err == nil || err.Error() != want {
			t.Errorf("have %v, want %s", err, want)
		}
	}
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	if err := sendOne(t, c); err != nil {
		t.Errorf("after Close: have %v, want the lock released", err)
	}
}
