package page_test

import (
	"bytes"
	"io/fs"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"bookservice/tracer/collector/page"
)

func TestFilesAreAFileSystem(t *testing.T) {
	err := fstest.TestFS(page.Files(), "index.html", "main.js", "style.css", "saved.html")
	if err != nil {
		t.Error(err)
	}
}

// A file that the bundle of the saved page cannot read would break the saved page only.
func TestModulesHaveTheFormThatTheBundleReads(t *testing.T) {
	files := page.Files()
	names, err := fs.Glob(files, "*.js")
	if err != nil {
		t.Fatal(err)
	}
	imports := regexp.MustCompile(`^import \{ [\w, ]+ \} from '\./([a-z]+)\.js';$`)
	exports := regexp.MustCompile(`^export (async )?(function\*?|class|const) \w+`)
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte("</script")) || bytes.Contains(text, []byte("<!--")) {
			t.Errorf("%s: must not have text that ends a script element", name)
		}
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSuffix(line, "\n")
			if strings.HasPrefix(line, "import") && !imports.MatchString(line) ||
				strings.HasPrefix(line, "export") && !exports.MatchString(line) ||
				strings.Contains(line, "import(") || strings.HasPrefix(line, "await ") {
				t.Errorf("%s: the bundle cannot read %q", name, line)
			}
		}
	}
}

// The browser would learn of a module only when it has read those that import it.
func TestIndexNamesEachModule(t *testing.T) {
	files := page.Files()
	names, err := fs.Glob(files, "*.js")
	if err != nil {
		t.Fatal(err)
	}
	index, err := fs.ReadFile(files, "index.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if !bytes.Contains(index, []byte(`="/zipkin/page/`+name+`">`)) &&
			!bytes.Contains(index, []byte(`="/zipkin/page/`+name+`"></script>`)) {
			t.Errorf("index.html does not name %s", name)
		}
	}
	if have := bytes.Count(index, []byte(`.js"`)); have != len(names) {
		t.Errorf("index.html names %d modules, want %d", have, len(names))
	}
}

// The page has no address of another host, and no markup made of text.
func TestFilesAskNoOtherHostAndMakeNoMarkup(t *testing.T) {
	files := page.Files()
	refused := regexp.MustCompile(`innerHTML\s*=|insertAdjacentHTML|outerHTML|document\.write|` +
		`eval\(|new Function|DOMParser|javascript:|https?://|style=|\son[a-z]+="`)
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || name == "saved.html" {
			return err
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		text = bytes.ReplaceAll(text, []byte("http://www.w3.org/2000/svg"), nil)
		for _, found := range refused.FindAll(text, -1) {
			t.Errorf("%s: has %q", name, found)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestSaveRefusesWhatIsNoListOfSpans(t *testing.T) {
	for _, spans := range []string{"", "{}", "[", "[]", "null"} {
		var out bytes.Buffer
		if err := page.Save(&out, []byte(spans)); err == nil || out.Len() > 0 {
			t.Errorf("%q: have %v and %d bytes, want an error and none", spans, err, out.Len())
		}
	}
}
