package collector

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"net"
	"net/http"
	"strconv"
	"strings"

	"bookservice/tracer/collector/internal/zipkinv2"
)

// Types of answers.
const (
	plainText = "text/plain; charset=utf-8"
	anyText   = "text/*" // of Zipkin's errors
	jsonText  = "application/json"
	jsonUTF8  = "application/json; charset=utf-8"
)

// text answers with a short text.
func text(w http.ResponseWriter, status int, contentType, body string) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body)) // if it fails, no reader is left
}

func notFound(w http.ResponseWriter, _ *http.Request) {
	text(w, http.StatusNotFound, plainText, "404 Not Found")
}

func badRequest(w http.ResponseWriter, message string) {
	text(w, http.StatusBadRequest, anyText, message)
}

// minGzip is the length from which an answer is compressed.
const minGzip = 2048

// answerJSON answers with JSON, compressed if it is long and the client allows it.
func answerJSON(w http.ResponseWriter, r *http.Request, body []byte) {
	w.Header().Set("Content-Type", jsonText)
	if len(body) >= minGzip && acceptsGzip(r) && !isLocalPage(r) {
		w.Header().Add("Vary", "accept-encoding")
		w.Header().Set("Content-Encoding", "gzip")
		var zipped bytes.Buffer
		z, err := gzip.NewWriterLevel(&zipped, gzip.BestSpeed)
		if err == nil {
			_, err = z.Write(body)
		}
		if err == nil {
			err = z.Close()
		}
		if err != nil { // memory does not fail
			text(w, http.StatusInternalServerError, anyText, err.Error())
			return
		}
		body = zipped.Bytes()
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // if it fails, no reader is left
}

// isLocalPage reports whether the collector's own page asks, in a browser on this machine. It has
// an uncompressed answer sooner.
func isLocalPage(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	ip := net.ParseIP(host)
	return err == nil && ip.IsLoopback() && r.Header.Get("Sec-Fetch-Site") == "same-origin"
}

// acceptsGzip reports whether the client lists gzip, and not with a weight of zero.
func acceptsGzip(r *http.Request) bool {
	for _, list := range r.Header.Values("Accept-Encoding") {
		for entry := range strings.SplitSeq(list, ",") {
			name, weight, _ := strings.Cut(entry, ";")
			name = strings.TrimSpace(name)
			weight = strings.ReplaceAll(weight, " ", "")
			if (strings.EqualFold(name, "gzip") || name == "*") &&
				strings.Trim(strings.TrimPrefix(weight, "q="), "0.") != "" == (weight != "") {
				return true
			}
		}
	}
	return false
}

// answerValue answers with the JSON of a value.
func answerValue(w http.ResponseWriter, r *http.Request, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		text(w, http.StatusInternalServerError, plainText, err.Error())
		return
	}
	answerJSON(w, r, body)
}

// answerNames answers with a list of names. A browser may keep it if it is cached.
func answerNames(w http.ResponseWriter, r *http.Request, names []string, cached bool) {
	if cached {
		w.Header().Set("Cache-Control", "max-age=300, must-revalidate")
	}
	body := []byte{'['}
	for i, name := range names {
		if i > 0 {
			body = append(body, ',')
		}
		body = zipkinv2.AppendName(body, name)
	}
	answerJSON(w, r, append(body, ']'))
}
