package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"bookservice/cmd/internal/server"
	"bookservice/configs"
	"bookservice/tracer/tracertest/testkit"
)

// startServer returns the address of a bookserver that is in no discovery.
func startServer(t *testing.T) string {
	t.Helper()
	c := configs.DefaultServer()
	c.GRPCAddr, c.DrainDelay = "127.0.0.1:0", 0
	c.Discovery.Kind, c.Discovery.Instances = "static", []string{"127.0.0.1:1"}
	s, err := server.Start(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s.Addr()
}

// runWith runs the command with these arguments and returns its exit status and output.
func runWith(ctx context.Context, line string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(ctx, strings.Fields(line), &out, &errs)
	return code, out.String(), errs.String()
}

func TestExitStatusAndOutput(t *testing.T) {
	t.Setenv("LANG", "C")
	static := "-discovery static -instances " + startServer(t)
	dead := "-discovery static -instances " + testkit.ClosedAddr(t)
	for name, test := range map[string]struct {
		line           string
		code           int
		stdout, stderr string // expressions that match
	}{
		"success": {static, 0, `^service: 127.0.0.1:\d+ time: .+\n` +
			`book\nbookId: 1  =>  bookName: 21天精通php\n` +
			`books\nbookId: 1  =>  .+\nbookId: 2  =>  .+\n$`, `^$`},
		"two runs": {static + " -n 2 -lang zh", 0, `^请求服务: (?s:.+)\n请求服务: (?s:.+)$`, `^$`},
		"tree": {static + " -tracer memory", 0,
			`\ntrace: [0-9a-f]{32}\nbookCaller bookclient \S+\n├─ `, `^$`},
		"no tree": {static + " -tracer memory -json", 0,
			`^\{"instances".+"traceId":"[0-9a-f]{32}"\}\n$`, `^$`},
		"version":      {"-version", 0, `^bookclient \S+\n$`, `^$`},
		"help":         {"-h", 0, `^Usage: bookclient `, `^$`},
		"print-config": {"-print-config", 0, `\nid: "1"\n`, `^$`},
		"not found": {static + " -id 99 -tracer memory", 1,
			`^bookCaller bookclient \S+\n└─ book.BookService/GetBookInfo CLIENT `,
			`^bookclient: NotFound: book 99: not found \(trace [0-9a-f]{32}\)\n$`},
		"not found, untraced": {static + " -id 99", 1, `^$`,
			`^bookclient: NotFound: book 99: not found\n$`},
		"dead instance": {dead + " -retry-attempts 1", 1, `^$`,
			`(^|\n)bookclient: Unavailable: .+\n$`},
		"no etcd": {"-wait 100ms -etcd " + testkit.ClosedAddr(t), 1, `^$`,
			`(^|\n)bookclient: .*etcd.*\n$`},
		"unknown flag": {"-nope", 2, `^$`, `^bookclient: -nope: unknown flag .*\n$`},
		"value":        {"-n 0", 2, `^$`, `^bookclient: -n 0: must be 1 or more\n$`},
		"spans' file": {static + " -tracer file -file-path " + t.TempDir(), 2, `^$`,
			`^bookclient: .*\n$`},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := runWith(t.Context(), test.line)
			if code != test.code || !regexp.MustCompile(test.stdout).MatchString(stdout) ||
				!regexp.MustCompile(test.stderr).MatchString(stderr) {
				t.Errorf("have status %d, output\n%s\nand errors\n%s\nwant %d, %s and %s",
					code, stdout, stderr, test.code, test.stdout, test.stderr)
			}
		})
	}
}

// After a signal the status is 0, and one line says what was cancelled.
func TestSignalIsStatus0(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	code, stdout, stderr := runWith(cancelled, "-discovery static -instances "+startServer(t))
	oneLine := strings.HasPrefix(stderr, "bookclient: ") && strings.Count(stderr, "\n") == 1
	if code != 0 || stdout != "" || !oneLine {
		t.Errorf("have status %d, %q and %q, want 0 and one line", code, stdout, stderr)
	}
}

// With -json each run is one object.
func TestJSONOfEachRun(t *testing.T) {
	addr := startServer(t)
	line := "-json -n 3 -id 2 -discovery static -instances " + addr
	code, stdout, stderr := runWith(t.Context(), line)
	if code != 0 || stderr != "" || strings.Count(stdout, "\n") != 3 {
		t.Fatalf("have status %d, %q and %q, want three lines", code, stdout, stderr)
	}
	for line := range strings.Lines(stdout) {
		var run struct {
			Instances []string
			Info      []struct{ BookID int }
			List      []struct{ BookID int }
		}
		err := json.Unmarshal([]byte(line), &run)
		if err != nil || len(run.Instances) != 2 || run.Instances[0] != addr ||
			len(run.Info) != 1 || run.Info[0].BookID != 2 || len(run.List) != 2 {
			t.Errorf("have %s, %v", line, err)
		}
	}
}

// -wait limits how long the client looks for an instance.
func TestWaitIsLimited(t *testing.T) {
	start := time.Now()
	code, _, _ := runWith(t.Context(), "-wait 50ms -etcd "+testkit.ClosedAddr(t))
	if took := time.Since(start); code != 1 || took > 4*time.Second {
		t.Errorf("have status %d after %v, want 1 soon after 50 ms", code, took)
	}
}
