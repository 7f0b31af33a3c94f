// Package page has the trace page: hand-written HTML, CSS and JavaScript modules, embedded. The
// page sends requests to the collector that served it, and to no other host.
//
// [Files] is what a collector serves under /zipkin/page/. Its index.html is the answer to each
// address of the page (/zipkin/, /zipkin/traces/ID, /zipkin/dependency, /zipkin/compare). The page
// has no inline script and no inline style, so that [Policy] holds. Each text of a span becomes a
// text node or an attribute, never markup.
//
// [Save] writes the page and spans in one HTML file that opens by itself, without a server.
package page

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"time"
)

// Policy is the Content-Security-Policy to send with index.html
// (https://www.w3.org/TR/CSP3/).
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
	"img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

//go:embed files
var embedded embed.FS

// Files returns the page's files: index.html, what it loads, and saved.html, the page in one file
// without spans, into which the page puts the trace to be saved.
func Files() fs.FS {
	return overlay{source(), savedName, template()}
}

// Save writes the page and the spans as one HTML file. The spans are a list in Zipkin's v2 JSON, of
// one trace or of several; spans that are open end at the time of the call.
func Save(w io.Writer, spans []byte) error {
	return save(w, spans, time.Now())
}

func save(w io.Writer, spans []byte, now time.Time) error {
	var list []json.RawMessage
	if err := json.Unmarshal(spans, &list); err != nil {
		return fmt.Errorf("page: spans must be a list in Zipkin's v2 JSON: %w", err)
	}
	if len(list) == 0 {
		return errors.New("page: no spans to save")
	}
	before, after := templateParts()
	at := strconv.FormatInt(now.UnixMicro(), 10)
	for _, part := range [][]byte{before, []byte(at + dataStart), escapeJSON(spans), after} {
		if _, err := w.Write(part); err != nil {
			return fmt.Errorf("page: %w", err)
		}
	}
	return nil
}

// source returns the embedded files. [fs.Sub] fails only for an invalid name.
func source() fs.FS {
	files, err := fs.Sub(embedded, "files")
	if err != nil {
		panic(err)
	}
	return files
}
