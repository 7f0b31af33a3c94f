package collector

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

// contentPolicy lets the page load its own files only.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; " +
	"connect-src 'self'; img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; " +
	"frame-ancestors 'none'"

// pageFiles are the files of the page, by name.
type pageFiles struct{ files map[string]pageFile }

type pageFile struct {
	body        []byte
	tag         string // of the content, quoted
	contentType string
}

const index = "index.html"

func newPageFiles(files fs.FS) (*pageFiles, error) {
	p := &pageFiles{files: map[string]pageFile{}}
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(body)
		p.files[name] = pageFile{body, `"` + hex.EncodeToString(sum[:12]) + `"`, typeOf(name)}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("collector: page: %w", err)
	}
	if _, ok := p.files[index]; !ok {
		return nil, fmt.Errorf("collector: page: %s is missing", index)
	}
	return p, nil
}

// typeOf returns the type by the name's ending, not by tables of the system.
func typeOf(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".json":
		return jsonUTF8
	}
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

// pageRoute returns the handler of a path of the page, or nil.
func (c *Collector) pageRoute(path string) func(http.ResponseWriter, *http.Request) {
	switch path {
	case "/", "/zipkin":
		return redirect("/zipkin/")
	case "/favicon.ico":
		return redirect("/zipkin/favicon.ico")
	}
	if name, ok := strings.CutPrefix(path, "/zipkin/page/"); ok {
		return c.file(name, "no-cache")
	}
	if path == "/zipkin/favicon.ico" {
		return c.file("favicon.ico", "max-age=60")
	}
	if isView(path) {
		return c.file(index, "max-age=60")
	}
	return nil
}

// isView reports whether the path is one of the page's views.
func isView(path string) bool {
	if id, ok := strings.CutPrefix(path, "/zipkin/traces/"); ok {
		return id != "" && !strings.Contains(id, "/")
	}
	views := []string{
		"/zipkin/", "/zipkin/index.html", "/zipkin/dependency", "/zipkin/traceViewer",
		"/zipkin/compare",
	}
	return slices.Contains(views, path)
}

func redirect(to string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", to)
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(http.StatusFound)
	}
}

func (c *Collector) file(name, cache string) func(http.ResponseWriter, *http.Request) {
	f, ok := c.page.files[name]
	if !ok {
		return nil
	}
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", f.contentType)
		h.Set("ETag", f.tag)
		h.Set("Cache-Control", cache)
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.body))
	}
}
