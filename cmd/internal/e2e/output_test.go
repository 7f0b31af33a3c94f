package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unicode"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"bookservice/api/book"
	"bookservice/tracer/tracertest/testkit"
)

// closedPipe returns a file whose reader is gone.
func closedPipe(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	t.Cleanup(func() { w.Close() })
	return w
}

// unreadPipe returns a file that accepts 64 KiB and then blocks.
func unreadPipe(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return w
}

// fullDisk returns a file whose writes fail.
func fullDisk(t *testing.T) *os.File {
	t.Helper()
	f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skipf("no /dev/full: %v", err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// A log that is closed, full or not read neither ends the server nor blocks its calls and its end.
func TestALogThatFailsDoesNotStopTheServer(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	for name, file := range map[string]func(*testing.T) *os.File{
		"closed": closedPipe, "full": fullDisk, "not read": unreadPipe,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, c := startEtcd(t), collect(t)
			addr, admin := testkit.FreeAddr(t), testkit.FreeAddr(t)
			// Each call fails, which is logged.
			args := append(append(e.at(), c.at()...), "-grpc-addr", addr, "-admin-addr", admin,
				"-fail-share", "1", "-drain-delay", "0s", "-ttl", ttl.String())
			log := file(t)
			p := startWith(t, "bookserver", args, func(c *exec.Cmd) {
				c.Stdout, c.Stderr = log, log
			})
			testkit.Eventually(t, "it registers", func() bool { return len(e.registered(t)) == 1 })
			client := book.NewBookServiceClient(dial(t, addr))
			const calls = 3000 // of 150 bytes or more: seven times what a pipe holds
			ctx, cancel := context.WithTimeout(t.Context(), 2*limit)
			defer cancel()
			for range calls {
				_, err := client.GetBookInfo(ctx, &book.BookInfoParams{BookId: 1})
				if status.Code(err) != codes.Internal {
					t.Fatalf("have %v, want Internal: the simulated failure", err)
				}
			}
			if name != "not read" { // then it is 1 MiB that is not lost yet
				testkit.Eventually(t, "the lost lines are counted", func() bool {
					return strings.Contains(getMetrics(t, admin), "\nlog_lines_lost_total 300")
				})
			}
			p.signal(t, syscall.SIGTERM)
			if code := p.wait(t); code != 0 || len(e.registered(t)) != 0 {
				t.Errorf("have status %d and keys %q, want 0 and none", code, e.registered(t))
			}
			if have := len(c.names()); have != calls {
				t.Errorf("have %d spans, want %d", have, calls)
			}
		})
	}
}

func getMetrics(t *testing.T, addr string) string {
	t.Helper()
	resp, err := http.Get("http://" + addr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// The stacks that the runtime writes at a crash reach standard error.
func TestCrashOutputReachesStandardError(t *testing.T) {
	t.Parallel()
	p, _ := alone(t)
	p.signal(t, syscall.SIGQUIT)
	if code := p.wait(t); code != 2 || !strings.Contains(p.errs.String(), "\ngoroutine ") {
		t.Errorf("have status %d and no stacks in %q", code, p.errs.String())
	}
}

// A client whose results cannot be written ends in order: its spans are sent. A reader that is gone
// (bookclient | head -1) is no error.
func TestAClientWhoseResultsCannotBeWritten(t *testing.T) {
	t.Parallel()
	_, addr := serve(t, "-discovery", "static", "-instances", "127.0.0.1:1")
	for name, test := range map[string]struct {
		file func(*testing.T) *os.File
		code int
		errs string
	}{
		"closed": {closedPipe, 0, ""},
		"full":   {fullDisk, 1, "bookclient: write /dev/stdout: no space left on device\n"},
	} {
		for _, format := range []string{"-json=false", "-json"} {
			t.Run(name+format, func(t *testing.T) {
				t.Parallel()
				c, out := collect(t), test.file(t)
				p := startWith(t, "bookclient", append(c.at(), "-discovery", "static",
					"-instances", addr, "-n", "1000", format),
					func(c *exec.Cmd) { c.Stdout = out })
				if code := p.wait(t); code != test.code || p.errs.String() != test.errs {
					t.Errorf("have status %d and %q, want %d and %q",
						code, p.errs.String(), test.code, test.errs)
				}
				want := []string{"CLIENT book.BookService/GetBookInfo",
					"CLIENT book.BookService/GetBookList", "SPAN_KIND_UNSPECIFIED bookCaller"}
				if have := c.names(); !slices.Equal(have, want) {
					t.Errorf("have spans %q, want %q: of the first run only", have, want)
				}
			})
		}
	}
}

// A client whose results are not read waits for the reader, and ends in order after a signal.
func TestAClientWhoseResultsAreNotRead(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	_, addr := serve(t, "-discovery", "static", "-instances", "127.0.0.1:1")
	c, out := collect(t), unreadPipe(t)
	p := startWith(t, "bookclient", append(c.at(), "-discovery", "static", "-instances", addr,
		"-n", "100000"), func(c *exec.Cmd) { c.Stdout = out })
	before := -1
	within(t, limit, "it makes no more runs", func() bool {
		now := len(c.names())
		stopped := now > 500 && now == before
		before = now
		if !stopped {
			stays(t, limit/30, "", func() bool { return true })
		}
		return stopped
	})
	p.signal(t, syscall.SIGTERM)
	if code := p.wait(t); code != 0 || !strings.Contains(p.errs.String(), "not read within") {
		t.Errorf("have status %d and %q, want 0 and the reason", code, p.errs.String())
	}
}

// Bookcollector and bookdemo end in order, whatever happens to their output.
func TestOtherCommandsWithFailingOutput(t *testing.T) {
	t.Parallel()
	for name, file := range map[string]func(*testing.T) *os.File{
		"closed": closedPipe, "full": fullDisk, "not read": unreadPipe,
	} {
		t.Run("bookcollector "+name, func(t *testing.T) {
			t.Parallel()
			addr, out := testkit.FreeAddr(t), file(t)
			p := startWith(t, "bookcollector", []string{"-addr", addr}, func(c *exec.Cmd) {
				c.Stdout, c.Stderr = out, out
			})
			testkit.Eventually(t, "it serves", func() bool {
				resp, err := http.Get("http://" + addr + "/health")
				if err == nil {
					resp.Body.Close()
				}
				return err == nil
			})
			p.signal(t, syscall.SIGHUP)
			if code := p.wait(t); code != 0 {
				t.Errorf("have status %d, want 0", code)
			}
		})
	}
	t.Run("bookdemo closed", func(t *testing.T) {
		t.Parallel()
		out := closedPipe(t)
		p := startWith(t, "bookdemo", []string{"-collector-addr", "127.0.0.1:0"},
			func(c *exec.Cmd) { c.Stdout = out })
		if code := p.wait(t); code != 0 {
			t.Errorf("have status %d and %s, want 0", code, p.errs.String())
		}
	})
	t.Run("bookdemo full", func(t *testing.T) {
		t.Parallel()
		out := fullDisk(t)
		p := startWith(t, "bookdemo", []string{"-exit"}, func(c *exec.Cmd) { c.Stdout = out })
		if code := p.wait(t); code != 1 || !strings.Contains(p.errs.String(), "no space left") {
			t.Errorf("have status %d and %q, want 1 and the reason", code, p.errs.String())
		}
	})
	t.Run("bookdemo hangup", func(t *testing.T) {
		t.Parallel()
		p := start(t, "bookdemo", []string{"-collector-addr", "127.0.0.1:0"})
		testkit.Eventually(t, "the load runs", func() bool {
			return strings.Contains(p.out.String(), "Ctrl-C ends it")
		})
		for range 3 {
			p.signal(t, syscall.SIGHUP)
		}
		if code := p.wait(t); code != 0 {
			t.Errorf("have status %d and %s, want 0", code, p.errs.String())
		}
	})
}

// hostile are names that would control a terminal: title, clear (C1), DEL, bidi, and a line.
var hostile = []string{
	"a\x1b]0;owned\x07\x1b[2J", "b\u009b2J\u0085", "c\x7f\b\r", "d\u202egnp.exe\u2066\u061c",
	"e\nbookId: 7  =>  bookName: forged", "f\u2028\u2029\t", "21天精通php 👩\u200d💻 é",
}

// checkPrintable checks that text has no control characters except line breaks.
func checkPrintable(t *testing.T, what, text string) {
	t.Helper()
	for _, r := range text {
		if unicode.IsControl(r) && r != '\n' || unicode.Is(unicode.Bidi_Control, r) ||
			r == '\u2028' || r == '\u2029' {
			t.Errorf("%s: have %U in %q", what, r, text)
			return
		}
	}
}

// Names of books, and errors of a server, reach a terminal without control characters. JSON has the
// same names.
func TestForeignTextDoesNotControlTheTerminal(t *testing.T) {
	t.Parallel()
	var entries []string
	for i, name := range hostile {
		quoted, err := json.Marshal(name)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, fmt.Sprintf(`{"id":%d,"name":%s}`, i+1, quoted))
	}
	path := filepath.Join(t.TempDir(), "books.json")
	text := "[" + strings.Join(entries, ",") + "]"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, addr := serve(t, "-discovery", "static", "-instances", "127.0.0.1:1", "-books", path)
	static := []string{"-discovery", "static", "-instances", addr, "-tracer", "memory"}
	code, out, errs := do(t, "bookclient", static)
	if lines := strings.Count(out, "bookId: "); code != 0 || lines != len(hostile)+2 {
		// The forged line is within the line of its book.
		t.Errorf("have status %d, %d books in\n%s%s", code, lines, out, errs)
	}
	checkPrintable(t, "text", out)
	for _, want := range []string{`a\u001b]0;owned`, `d\u202egnp`, hostile[len(hostile)-1]} {
		if !strings.Contains(out, want) {
			t.Errorf("have no %s in\n%s", want, out)
		}
	}
	code, out, errs = do(t, "bookclient", append(static, "-json"))
	checkPrintable(t, "JSON", out)
	var run struct {
		List []struct {
			Name string `json:"bookName"`
		} `json:"list"`
	}
	if err := json.Unmarshal([]byte(out), &run); err != nil || code != 0 {
		t.Fatalf("have status %d, %v and %s", code, err, errs)
	}
	for i, b := range run.List {
		if b.Name != hostile[i] {
			t.Errorf("JSON: have %q, want %q", b.Name, hostile[i])
		}
	}
	code, _, errs = do(t, "bookclient", []string{
		"-discovery", "static", "-instances", serveHostile(t)})
	if code != 1 || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, `\u001b]0;`) {
		t.Errorf("have status %d and %q, want 1 and one line", code, errs)
	}
	checkPrintable(t, "error", errs)
}

// serveHostile returns the address of a server that is not ours, whose errors are hostile.
func serveHostile(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	book.RegisterBookServiceServer(s, hostileServer{})
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	return l.Addr().String()
}

type hostileServer struct {
	book.UnimplementedBookServiceServer
}

func (hostileServer) GetBookInfo(context.Context, *book.BookInfoParams) (*book.BookInfo, error) {
	return nil, status.Error(codes.NotFound, strings.Join(hostile, " "))
}

// A server whose results, the tree of its spans, are not read ends, with status 1 and the reason.
func TestAServerWhoseTreeIsNotRead(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	addr, out := testkit.FreeAddr(t), unreadPipe(t)
	p := startWith(t, "bookserver", []string{"-discovery", "static", "-instances", "127.0.0.1:1",
		"-grpc-addr", addr, "-drain-delay", "0s", "-tracer", "memory"},
		func(c *exec.Cmd) { c.Stdout = out })
	testkit.Eventually(t, "it serves", func() bool {
		return strings.Contains(p.errs.String(), "msg=serving")
	})
	client := book.NewBookServiceClient(dial(t, addr))
	for range 2000 { // of 60 bytes each
		if _, err := client.GetBookInfo(t.Context(), &book.BookInfoParams{BookId: 1}); err != nil {
			t.Fatal(err)
		}
	}
	p.signal(t, syscall.SIGTERM)
	want := "bookserver: the output was not read within 2s\n"
	if code := p.wait(t); code != 1 || !strings.HasSuffix(p.errs.String(), want) {
		t.Errorf("have status %d and %q, want 1 and %q", code, p.errs.String(), want)
	}
}

// A help or version that cannot be written is an error, unless its reader is gone.
func TestAHelpThatCannotBeWrittenIsStatus1(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"bookclient", "bookserver", "bookcollector", "bookdemo"} {
		for _, arg := range []string{"-h", "-version", "-print-config"} {
			full, closed := fullDisk(t), closedPipe(t)
			p := startWith(t, name, []string{arg}, func(c *exec.Cmd) { c.Stdout = full })
			code, errs := p.wait(t), p.errs.String()
			if code != 1 || strings.Count(errs, "\n") != 1 || !strings.HasPrefix(errs, name+": ") {
				t.Errorf("%s %s: have status %d and %q, want 1 and one line", name, arg, code, errs)
			}
			p = startWith(t, name, []string{arg}, func(c *exec.Cmd) { c.Stdout = closed })
			if code, errs := p.wait(t), p.errs.String(); code != 0 || errs != "" {
				t.Errorf("%s %s: have status %d and %q without a reader, want 0 and no line",
					name, arg, code, errs)
			}
		}
	}
}
