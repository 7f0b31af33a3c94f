package tracepage_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"bookservice/tracer/collector/page"
)

// downloads makes the page keep what it would download. It returns a function that waits for the
// next file and returns its name and text.
func (b *tab) downloads() func() (name, text string) {
	b.t.Helper()
	value[any](b, `(() => {
		window.kept = [];
		const made = URL.createObjectURL.bind(URL);
		URL.createObjectURL = (blob) => { window.kept.push({ blob }); return made(blob); };
		HTMLAnchorElement.prototype.click = function () {
			window.kept.at(-1).name = this.download;
		};
		return 1;
	})()`)
	n := 0
	return func() (name, text string) {
		b.t.Helper()
		b.until("window.kept.length > " + string(rune('0'+n)) + " && window.kept.at(-1).name")
		n++
		return value[string](b, "window.kept.at(-1).name"),
			value[string](b, "window.kept.at(-1).blob.text()")
	}
}

// open writes a file and shows it by its own address.
func (b *tab) open(name, text string) {
	b.t.Helper()
	path := filepath.Join(b.t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
	b.do(chromedp.Navigate("file://" + filepath.ToSlash(path)))
}

func TestSavedFileOpensByItself(t *testing.T) {
	b := newTab(t, "")
	var out bytes.Buffer
	if err := page.Save(&out, marshal(t, call(traceID, time.Now(), 3, true))); err != nil {
		t.Fatal(err)
	}
	b.open("trace.html", out.String())
	b.text(".title", "7 spans")
	b.press(".wrow", "getbooklistserver")
	b.text(".detail dd.error", "Unavailable")
	b.until("location.hash.includes('span=')")
	b.key("3")
	b.text(".stats .trow", "select books")
	value[any](b, "history.back()")
	b.text(".wrow", "bookcaller")
	b.press("nav a", "Dependencies")
	b.text("#graph-summary", "3 services")
	b.press("nav a", "Traces")
	b.text("#count", "1 trace")
	b.enter("input[aria-label='Text']", "needle\r")
	b.text(".empty", "No trace matches")

	// It can save itself.
	b.press(".empty button", "Remove all filters")
	b.press(".list-row a", "bookcaller")
	next := b.downloads()
	b.press(".menu summary", "Save")
	b.press(".sheet button", "Save as one HTML file")
	name, text := next()
	if want := "trace-" + traceID + ".html"; name != want {
		t.Errorf("name: have %s, want %s", name, want)
	}
	b.open("again.html", text)
	b.text(".title", "7 spans")
	b.press(".wrow", "getbooklistserver")
	b.text(".detail dd.error", "Unavailable")
}

func TestSavedFileOfSeveralTraces(t *testing.T) {
	b := newTab(t, "")
	var out bytes.Buffer
	if err := page.Save(&out, marshal(t, load(25, time.Second))); err != nil {
		t.Fatal(err)
	}
	b.open("traces.html", out.String())
	b.text("#count", "25 traces")
	b.press(".tools button", "Errors")
	b.text("#count", "3 traces")
	b.press(".list-row a", "bookcaller")
	b.text(".title", "7 spans")
	b.press(".wrow", "getbooklistserver")
	b.text(".detail .place", "Against all 25 of this operation")
}

func TestPageSavesAndOpensFiles(t *testing.T) {
	_, b := showCall(t)
	next := b.downloads()
	save := func(form string) string {
		t.Helper()
		b.press(".menu summary", "Save")
		b.press(".sheet button", form)
		_, text := next()
		return text
	}
	zipkin, otlp, html := save("Zipkin JSON"), save("OTLP JSON"), save("Save as one HTML file")
	var spans []span
	if err := json.Unmarshal([]byte(zipkin), &spans); err != nil || len(spans) != 7 {
		t.Errorf("Zipkin: have %d spans and %v", len(spans), err)
	}
	if !strings.Contains(otlp, `"resourceSpans"`) ||
		!strings.Contains(otlp, `"spanId": "0000000000000001"`) {
		t.Errorf("OTLP: have %.300s", otlp)
	}
	b.open("saved.html", html)
	b.text(".title", "7 spans")
	b.press(".wrow", "getbooklistserver")
	b.text(".detail dd.error", "Unavailable")

	// Both forms open in a page whose collector has no traces.
	s := newServer(t)
	for form, text := range map[string]string{"zipkin": zipkin, "otlp": otlp} {
		path := filepath.Join(t.TempDir(), form+".json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		b.visit(s.URL + "/zipkin/")
		b.text(".empty", "No traces yet")
		b.do(chromedp.SetUploadFiles(chromedp.CSS("#upload"), []string{path}))
		b.text(".title", "7 spans")
		b.text(".title", "27.0 ms")
		b.press(".wrow", "getbooklistserver")
		b.text(".detail dd.error", "Unavailable: the database does not answer")
		b.text(".detail .events", "cache miss")
	}
	for name, content := range map[string]string{
		"not JSON": "hello", "neither a list": `{"a":1}`, "no spans in it": "[]",
		"has no traceId": "[{}]",
	} {
		path := filepath.Join(t.TempDir(), "bad.json")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		b.do(chromedp.SetUploadFiles(chromedp.CSS("#upload"), []string{path}))
		b.text("#problem", name)
	}
	path := filepath.Join(t.TempDir(), "many.json")
	if err := os.WriteFile(path, marshal(t, load(12, time.Second)), 0o600); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.SetUploadFiles(chromedp.CSS("#upload"), []string{path}))
	b.text(".chip", "file: many.json")
	b.text("#count", "12 traces")
	b.press(".chip", "many.json")
	b.text(".empty", "No traces yet")
}
