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

	"bookservice/tracer/tracertest/receiver"
	"bookservice/tracer/tracertest/testkit"
)

// badTracer are errors about the tracer's settings, and about OpenTelemetry's variables.
var badTracer = map[string]badInput{
	"URL under noop":   {both, "-zipkin-url nowhere", `zipkin-url "nowhere"…http://`},
	"share under noop": {both, "-sample 2", "sample 2…0 to 1"},
	"several and noop": {both, "-tracer noop,log", `"noop,log"…noop`},
	"one twice":        {both, "-tracer log,log", `"log,log"…log`},
	"sampler": {both, "-sampler sometimes",
		`"sometimes"…always, never…probability, ratelimited`},
	"operations":    {both, "-sample-operations a=b", `"a=b"…=never`},
	"propagation":   {both, "-propagation b4", `"b4"…b3, b3multi, jaeger, none, w3c`},
	"trace id bits": {both, "-trace-id-bits 96", "trace-id-bits 96…128 or 64"},
	"no file":       {both, "-tracer file", "file-path"},
	"OTLP's header": {both, "-otlp-headers grpc-timeout=s3cret -tracer otlp",
		`otlp-headers: must have names of letters, digits and -_. that are not gRPC's own`},
	"OTLP's endpoint": {both, "-otlp-endpoint collector:x -tracer otlp",
		`otlp-endpoint "collector:x": must be like http://127.0.0.1:4317, collector:4317`},
	"time-out": {both, "-zipkin-timeout 99ms -tracer zipkin",
		`zipkin-timeout 99ms: must be 100ms or more`},
	"OTLP's protocol": {both, "-otlp-protocol http/json -tracer otlp",
		`otlp-protocol "http/json"…grpc or http/protobuf`},
	"OTLP's endpoint, variable": {both, "OTEL_EXPORTER_OTLP_ENDPOINT=collector:0 -tracer otlp",
		`OTEL_EXPORTER_OTLP_ENDPOINT "collector:0"…http://`},
}

// An error about the tracer's settings is one line, and the status is 2.
func TestBadTracerSettings(t *testing.T) {
	t.Parallel()
	static := []string{"-discovery", "static", "-instances", "127.0.0.1:1"}
	usable := map[string][]string{"bookserver": static, "bookclient": static}
	for name, test := range badTracer {
		test.run(t, name, usable)
	}
	file := filepath.Join(t.TempDir(), "version.yaml")
	if err := os.WriteFile(file, []byte("version: true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	noSetting := badInput{both, "-config " + file, `version.yaml:1…"version"…flag only`}
	noSetting.run(t, "no setting", usable)
}

// Values of OpenTelemetry's variables that are not supported are warnings. The commands start, and
// what else the variables list applies.
func TestVariablesOfOpenTelemetryDoNotStopACommand(t *testing.T) {
	t.Parallel()
	variables := []string{
		"OTEL_PROPAGATORS=xray,b3,", "OTEL_TRACES_SAMPLER=traceidratio",
		"OTEL_TRACES_SAMPLER_ARG=all", "OTEL_RESOURCE_ATTRIBUTES=team", "OTEL_SDK_DISABLED=maybe",
		"OTEL_TRACES_EXPORTER=carrier-pigeon", "OTEL_EXPORTER_OTLP_PROTOCOL=http/json",
		"OTEL_EXPORTER_OTLP_TIMEOUT=soon", "OTEL_EXPORTER_OTLP_COMPRESSION=zstd",
		"OTEL_BSP_SCHEDULE_DELAY=soon", "OTEL_BSP_MAX_QUEUE_SIZE=-1",
		"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=x", "OTEL_EXPORTER_ZIPKIN_TIMEOUT=x",
		"JAEGER_SAMPLER_PARAM=x",
	}
	_, addr := serveIn(t, variables, "-discovery", "static", "-instances", "127.0.0.1:1")
	code, out, errs := do(t, "bookclient",
		[]string{"-discovery", "static", "-instances", addr, "-tracer", "memory,otlp",
			"-otlp-endpoint", receiver.NewOTLP(t, nil).GRPCURL}, variables...)
	if code != 0 || !strings.Contains(out, "book.BookService/GetBookInfo") {
		t.Errorf("have status %d, output %q and %q, want a run", code, out, errs)
	}
	for _, want := range []string{"variable=OTEL_PROPAGATORS value=xray",
		"variable=OTEL_TRACES_SAMPLER_ARG value=all",
		"variable=OTEL_RESOURCE_ATTRIBUTES value=team",
		"variable=OTEL_EXPORTER_OTLP_PROTOCOL value=http/json",
		"variable=OTEL_EXPORTER_OTLP_TIMEOUT value=soon",
		"variable=OTEL_EXPORTER_OTLP_COMPRESSION value=zstd",
	} {
		if strings.Count(errs, want) != 1 {
			t.Errorf("have %q, want one warning with %s", errs, want)
		}
	}
	if have := strings.Count(errs, "level=WARN"); have != 6 {
		t.Errorf("have %d warnings in %q, want 6", have, errs)
	}
}

// Several backends get the same spans, and those that are down do not affect the others.
func TestSeveralBackendsAtOnce(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	_, addr := serve(t, "-discovery", "static", "-instances", "127.0.0.1:1")
	path, down := filepath.Join(t.TempDir(), "spans.json"), "http://"+testkit.ClosedAddr(t)
	code, out, errs := do(t, "bookclient", []string{"-discovery", "static", "-instances", addr,
		"-tracer", "zipkin,otlp,log,file,memory", "-file-path", path,
		"-zipkin-url", down, "-otlp-endpoint", down, "-flush-timeout", "1s"})
	if code != 0 {
		t.Errorf("have status %d: %s", code, errs)
	}
	want := []string{"book.BookService/GetBookInfo", "book.BookService/GetBookList", "bookCaller"}
	lines, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range bytes.Lines(lines) {
		var s model.SpanModel
		if err := json.Unmarshal(line, &s); err != nil {
			t.Fatal(err)
		}
		names = append(names, s.Name)
	}
	if !slices.Equal(names, want) {
		t.Errorf("have %q in the file, want %q", names, want)
	}
	if n := strings.Count(errs, "msg=span "); n != len(want) {
		t.Errorf("have %d spans logged, want %d: %s", n, len(want), errs)
	}
	for _, name := range want {
		if strings.Count(errs, "name="+name+" ") != 1 {
			t.Errorf("have no %s logged in %s", name, errs)
		}
		if strings.Count(out, name+" ") != 1 {
			t.Errorf("have no %s in the tree of the memory backend\n%s", name, out)
		}
	}
	for _, lost := range []string{"tracer: zipkin " + down, "tracer: otlp " + down} {
		if !strings.Contains(errs, lost) {
			t.Errorf("have %s, want a line with the spans that %s has lost", errs, lost)
		}
	}
}
