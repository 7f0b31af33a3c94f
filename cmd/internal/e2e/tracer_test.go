package e2e_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/openzipkin/zipkin-go/model"
)

// What the tracer's settings and the variables of the field say and cannot be done is one line, and status 2.
func TestBadTracerSettings(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "version.yaml")
	if err := os.WriteFile(file, []byte("version: true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		args []string
		env  string
		want []string // that the line has
	}{
		"URL under noop":      {[]string{"-zipkin-url", "nowhere"}, "", []string{"zipkin-url", `"nowhere"`, "http://"}},
		"share under noop":    {[]string{"-sample", "2"}, "", []string{"sample 2", "0 to 1"}},
		"several and noop":    {[]string{"-tracer", "noop,log"}, "", []string{`"noop,log"`, "noop stands alone"}},
		"one twice":           {[]string{"-tracer", "log,log"}, "", []string{`"log,log"`, "log twice"}},
		"sampler":             {[]string{"-sampler", "sometimes"}, "", []string{`"sometimes"`, "always, never, probability, ratelimited or parent"}},
		"operations":          {[]string{"-sample-operations", "a=b"}, "", []string{`"a=b"`, "=never"}},
		"propagation":         {[]string{"-propagation", "b4"}, "", []string{`"b4"`, "b3, b3multi, jaeger, none, w3c"}},
		"trace id bits":       {[]string{"-trace-id-bits", "96"}, "", []string{"trace-id-bits 96", "128 or 64"}},
		"no file":             {[]string{"-tracer", "file"}, "", []string{"file-path is empty"}},
		"OTLP's protocol":     {[]string{"-tracer", "otlp", "-otlp-protocol", "http/json"}, "", []string{`otlp-protocol "http/json"`, "grpc or http/protobuf"}},
		"no setting":          {[]string{"-config", file}, "", []string{"version.yaml", `"version"`, "flag only"}},
		"OTLP protocol":       {[]string{"-tracer", "otlp"}, "OTEL_EXPORTER_OTLP_PROTOCOL=http/json", []string{`OTEL_EXPORTER_OTLP_PROTOCOL "http/json"`, "grpc or http/protobuf"}},
		"OTLP endpoint":       {[]string{"-tracer", "otlp"}, "OTEL_EXPORTER_OTLP_ENDPOINT=collector:4317", []string{`OTEL_EXPORTER_OTLP_ENDPOINT "collector:4317"`, "http://"}},
		"variable sampler":    {nil, "OTEL_TRACES_SAMPLER=sometimes", []string{`OTEL_TRACES_SAMPLER "sometimes"`, "always_on"}},
		"variable propagator": {nil, "OTEL_PROPAGATORS=b4", []string{"OTEL_PROPAGATORS", `"b4"`, "tracecontext"}},
	} {
		for _, command := range []string{"bookserver", "bookclient"} {
			t.Run(name+"/"+command, func(t *testing.T) {
				args := append([]string{"-discovery", "static", "-instances", "127.0.0.1:1"}, test.args...)
				code, out, errs := do(t, command, args, test.env)
				if code != 2 || out != "" || strings.Count(errs, "\n") != 1 || !strings.HasPrefix(errs, command+": ") {
					t.Errorf("have status %d, output %q and %q, want 2 and one line", code, out, errs)
				}
				for _, want := range test.want {
					if !strings.Contains(errs, want) {
						t.Errorf("have %q, want %q in it", errs, want)
					}
				}
			})
		}
	}
}

// Several backends get the same spans, and those that are absent are in nobody's way.
func TestSeveralBackendsAtOnce(t *testing.T) {
	t.Parallel()
	_, addr := serve(t, "-discovery", "static", "-instances", "127.0.0.1:1")
	path, absent := filepath.Join(t.TempDir(), "spans.json"), "http://"+closed(t)
	code, out, errs := do(t, "bookclient", []string{"-discovery", "static", "-instances", addr,
		"-tracer", "zipkin,otlp,log,file,memory", "-file-path", path, "-zipkin-url", absent, "-otlp-endpoint", absent, "-flush-timeout", "1s"})
	if code != 0 {
		t.Errorf("have status %d: %s", code, errs)
	}
	want := []string{"book.BookService/GetBookInfo", "book.BookService/GetBookList", "bookCaller"}
	lines, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var filed []string
	for line := range bytes.Lines(lines) {
		var s model.SpanModel
		if err := json.Unmarshal(line, &s); err != nil {
			t.Fatal(err)
		}
		filed = append(filed, s.Name)
	}
	if !slices.Equal(filed, want) {
		t.Errorf("have %q in the file, want %q", filed, want)
	}
	if n := strings.Count(errs, "msg=span "); n != len(want) {
		t.Errorf("have %d spans logged, want %d: %s", n, len(want), errs)
	}
	for _, name := range want {
		if strings.Count(errs, "name="+name+" ") != 1 {
			t.Errorf("have no %s logged in %s", name, errs)
		}
		if strings.Count(out, name+" ") != 1 {
			t.Errorf("have no %s in memory's tree\n%s", name, out)
		}
	}
	for _, lost := range []string{"tracer: zipkin " + absent, "tracer: otlp " + absent} {
		if !strings.Contains(errs, lost) {
			t.Errorf("have %s, want a line that says what %s has lost", errs, lost)
		}
	}
}
