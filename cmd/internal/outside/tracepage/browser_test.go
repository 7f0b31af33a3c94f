package tracepage_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"bookservice/tracer/collector"
)

// wait limits how long a test waits for the page. Most wait some milliseconds.
const wait = 20 * time.Second

// browser is one for all tests of the package; each test has a tab of its own.
var browser struct {
	once  sync.Once
	ctx   context.Context
	err   error
	close func()
}

func TestMain(m *testing.M) {
	code := m.Run()
	if browser.close != nil {
		browser.close()
	}
	os.Exit(code)
}

func startBrowser(path string) {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path),
		chromedp.NoSandbox, chromedp.WindowSize(1280, 800), chromedp.Flag("disable-gpu", true))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	browser.ctx, browser.err = ctx, chromedp.Do(ctx)
	browser.close = func() {
		_ = chromedp.Cancel(ctx)
		cancel()
		stop()
	}
}

// A tab shows the page. Its methods end the test if the browser fails.
type tab struct {
	t    *testing.T
	ctx  context.Context
	base string

	mu     sync.Mutex
	faults []string // what the page wrote to the console
}

// newTab opens a tab of 1280 by 800 pixels. The test fails if the page throws, or if its
// Content-Security-Policy refuses something.
func newTab(t *testing.T, base string) *tab {
	t.Helper()
	path, err := exec.LookPath("chromium-headless-shell")
	if err != nil {
		t.Skip("needs chromium-headless-shell")
	}
	browser.once.Do(func() { startBrowser(path) })
	if browser.err != nil {
		t.Fatal(browser.err)
	}
	ctx, cancel := chromedp.NewContext(browser.ctx)
	ctx, end := context.WithTimeout(ctx, 5*time.Minute)
	b := &tab{t: t, ctx: ctx, base: base}
	messages := chromedp.Console(ctx)
	var reader sync.WaitGroup
	reader.Go(func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			if m.IsException() || m.Source == "security" ||
				m.Type == "error" && m.Source != "network" {
				b.mu.Lock()
				b.faults = append(b.faults, m.String())
				b.mu.Unlock()
			}
		}
	})
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx)
		end()
		cancel()
		reader.Wait()
		for _, fault := range b.faults {
			t.Errorf("console: %s", fault)
		}
	})
	b.size(1280, 800)
	return b
}

func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.t.Fatalf("%v; console: %q", err, b.faults)
	}
}

func (b *tab) size(width, height int64) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, height))
}

func (b *tab) dark() {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}},
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// visit opens an address of the page; a path is relative to the collector.
func (b *tab) visit(address string) {
	b.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = b.base + address
	}
	b.do(chromedp.Navigate(address))
}

// value returns what a JavaScript expression yields; a promise is awaited.
func value[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until waits until a JavaScript expression is true.
func (b *tab) until(expression string) {
	b.t.Helper()
	limit := time.Now().Add(wait)
	for {
		ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		if err == nil && ok {
			return
		}
		if time.Now().After(limit) {
			b.shot("failed-" + strings.ReplaceAll(b.t.Name(), "/", "-"))
			b.mu.Lock()
			defer b.mu.Unlock()
			b.t.Fatalf("not true: %s (%v); console: %q; page: %.200q", expression, err,
				b.faults, value[string](b, "document.body.innerText"))
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-b.ctx.Done():
			b.t.Fatalf("%s: %v", expression, b.ctx.Err())
		}
	}
}

// text waits until the element's text contains a part.
func (b *tab) text(selector, part string) {
	b.t.Helper()
	b.until(fmt.Sprintf("[...document.querySelectorAll(%q)].some(e => "+
		"!e.closest('[hidden]') && e.textContent.includes(%s))", selector, quote(part)))
}

// gone waits until no visible element's text contains a part.
func (b *tab) gone(selector, part string) {
	b.t.Helper()
	b.until(fmt.Sprintf("![...document.querySelectorAll(%q)].some(e => "+
		"!e.closest('[hidden]') && e.textContent.includes(%s))", selector, quote(part)))
}

// press clicks the first visible element that the selector matches and whose text or label has the
// part, by a mouse event at its middle.
func (b *tab) press(selector, part string) {
	b.t.Helper()
	found := fmt.Sprintf("[...document.querySelectorAll(%q)].find(e => !e.closest('[hidden]') && "+
		"((e.textContent || '') + (e.ariaLabel || '')).includes(%s))", selector, quote(part))
	b.until(found)
	point := value[[]float64](b, "(e => { e.scrollIntoView({block: 'nearest'}); "+
		"const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2] })("+
		found+")")
	b.do(chromedp.MouseClickXY(point[0], point[1]))
}

// key presses keys outside of fields.
func (b *tab) key(keys string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(keys))
}

// enter puts text into a field, as a reader does.
func (b *tab) enter(selector, text string) {
	b.t.Helper()
	value[any](b, fmt.Sprintf("(e => { e.focus(); e.select(); return true })"+
		"(document.querySelector(%q))", selector))
	b.do(chromedp.KeyEvent(text))
}

func (b *tab) shot(name string) {
	b.t.Helper()
	folder := os.Getenv("PAGE_SHOTS")
	if folder == "" {
		return
	}
	picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func quote(text string) string {
	out, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(out)
}

// A server is a collector on a free port.
type server struct {
	*httptest.Server
	t         *testing.T
	collector *collector.Collector
}

func newServer(t *testing.T) *server {
	t.Helper()
	config := collector.DefaultConfig()
	config.Logger = slog.New(slog.DiscardHandler)
	c, err := collector.New(config)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{httptest.NewServer(c), t, c}
	t.Cleanup(func() {
		_ = c.Close()
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

// post sends spans, with pairs of header names and values.
func (s *server) post(spans []span, header ...string) {
	s.t.Helper()
	s.postJSON(marshal(s.t, spans), header...)
}

func (s *server) postJSON(body []byte, header ...string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost,
		s.URL+"/api/v2/spans", bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := s.Client().Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusAccepted {
		s.t.Fatalf("post: %s", response.Status)
	}
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	body, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return body
}
