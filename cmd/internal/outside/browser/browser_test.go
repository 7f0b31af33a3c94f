package browser_test

import (
	"context"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"bookservice/tracer/tracertest/testkit"
	"bookservice/tracer/tracertest/zipkinserver"
)

// limit is how long the browser may take.
const limit = time.Minute

// TestTraceInABrowser runs bookclient against a bookserver, both with Zipkin as backend, and checks
// that the page at the address that bookclient prints shows the services and spans of the trace.
func TestTraceInABrowser(t *testing.T) {
	browser := find(t)
	z := zipkinserver.Start(t)
	bin, addr := build(t), testkit.FreeAddr(t)
	args := []string{
		"-discovery", "static", "-instances", addr,
		"-tracer", "zipkin", "-zipkin-url", z.URL + "/api/v2/spans",
	}
	server := filepath.Join(bin, "bookserver")
	serve(t, addr, exec.Command(server, append(args, "-grpc-addr", addr)...))
	client := exec.CommandContext(t.Context(), filepath.Join(bin, "bookclient"), args...)
	client.Stderr = t.Output()
	out, err := client.Output()
	if err != nil {
		t.Fatal(err)
	}
	_, line, _ := strings.Cut(string(out), "trace: ")
	id, address, found := strings.Cut(strings.TrimSpace(line), "  ")
	if !found {
		t.Fatalf("have output %q, want a line with the trace's id and address", out)
	}
	z.Trace(t, id, 5) // waits until the server's spans have arrived
	checkPage(t, browser, address, "bookclient", "bookserver",
		"bookcaller", "book.bookservice/getbookinfo", "book.bookservice/getbooklist")
}

// find returns the path of a browser. Without one the test is skipped.
func find(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium-headless-shell", "chromium"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("needs chromium: bash .ci/run installs it")
	return ""
}

// build builds the commands and returns the folder with them.
func build(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	command := exec.CommandContext(t.Context(), "go", "build", "-o", bin+string(filepath.Separator),
		"./cmd/bookserver", "./cmd/bookclient")
	command.Dir = filepath.Join("..", "..", "..", "..") // the root of the product's module
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

// serve starts a server and waits until it listens at addr. It is killed at the end of the test.
func serve(t *testing.T, addr string, server *exec.Cmd) {
	t.Helper()
	var log testkit.Buffer
	server.Stdout, server.Stderr = &log, &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = server.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = server.Process.Kill()
		<-ended
		if t.Failed() {
			t.Logf("output of %s:\n%s", server, log.String())
		}
	})
	testkit.Eventually(t, "bookserver listens at "+addr, func() bool {
		select {
		case <-ended:
			t.Fatal("bookserver has ended")
		default:
		}
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// checkPage opens the address in the browser and waits until the text of the page contains all of
// want, in any case.
func checkPage(t *testing.T, browser, address string, want ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	ctx, cancel = chromedp.NewExecAllocator(ctx, append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(browser), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true))...)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Navigate(address)); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, address+" shows "+strings.Join(want, ", "), func() bool {
		text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body.innerText`))
		if err != nil {
			t.Fatal(err)
		}
		text = strings.ToLower(text)
		for _, w := range want {
			if !strings.Contains(text, w) {
				return false
			}
		}
		return true
	})
}
