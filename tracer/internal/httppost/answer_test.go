package httppost_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"bookservice/tracer/internal/httppost"
	"bookservice/tracer/internal/settings"
)

// zipped returns text compressed.
func zipped(text string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.Bytes()
}

// TestCompressedAnswers has answers with Content-Encoding gzip: also ones that were cut, that are
// no gzip, and that expand to more than the limit. Each has a status and the text that was there.
func TestCompressedAnswers(t *testing.T) {
	const whole = "too many spans"
	long := strings.Repeat("x", 10<<20)
	for name, test := range map[string]struct {
		body []byte
		want string
	}{
		"whole":   {zipped("too many spans"), "too many spans"},
		"no gzip": {[]byte("too many spans"), ""},
		"empty":   {nil, ""},
		"cut":     {zipped(strings.Repeat("too many spans ", 3))[:20], "too"},
		"bomb":    {zipped(long), long[:64<<10]},
	} {
		cfg := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			_, _ = w.Write(test.body)
		})
		answer, err := post(t, cfg, "body")
		have := string(answer.Body)
		if err != nil || answer.Status != http.StatusRequestEntityTooLarge ||
			have != test.want && (name != "cut" || !strings.HasPrefix(whole, have)) {
			t.Errorf("%s: have %d, %v and %d bytes %.20q, want %.20q",
				name, answer.Status, err, len(have), have, test.want)
		}
	}
}

// TestErrorsDoNotShowSecrets has a server that echoes what it was sent, in each way to write it.
func TestErrorsDoNotShowSecrets(t *testing.T) {
	const password, query, key = `pa"s<s w&rd\1`, "que/ry=+&é", "he@der-value-1"
	inJSON := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	for name, write := range map[string]func(string) string{
		"plain": strings.Clone, "JSON": inJSON, "HTML": html.EscapeString,
		"query": url.QueryEscape, "path": url.PathEscape,
		"quoted": func(s string) string { return fmt.Sprintf("%q", s) },
		"base64": func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	} {
		for _, compress := range []bool{false, true} {
			cfg := serve(t, func(w http.ResponseWriter, r *http.Request) {
				user, pass, _ := r.BasicAuth()
				text := fmt.Sprintf("tenant 1 has %s %s %s %s %s 10 spans",
					write(pass), write(user+":"+pass), r.Header.Get("Authorization"),
					write(r.URL.Query().Get("key")), write(r.Header.Get("X-Key")))
				if compress {
					w.Header().Set("Content-Encoding", "gzip")
					text = string(zipped(text))
				}
				w.WriteHeader(http.StatusBadRequest)
				_, _ = w.Write([]byte(text))
			})
			cfg.URL += "/?key=" + url.QueryEscape(query)
			cfg.User, cfg.Password = "ann", password
			cfg.Header.Set("X-Key", key)
			cfg.Secrets = settings.HeaderSecrets(key, "1")
			c := httppost.New(cfg)
			answer, err := c.Post(t.Context(), []byte("body"))
			if err != nil {
				t.Fatal(err)
			}
			have := c.Error(answer).Error()
			c.Close()
			const want = "the collector answered 400 Bad Request: tenant xxxxx has "
			if !strings.HasPrefix(have, want) || !strings.HasSuffix(have, "10 spans") {
				t.Errorf("%s: have %q, want the rest of the text", name, have)
			}
			for _, secret := range []string{password, query, key, "YW5u"} {
				if strings.Contains(have, write(secret)) || strings.Contains(have, secret) {
					t.Errorf("%s: have %q, want no secret", name, have)
				}
			}
		}
	}
}

// TestLibraryErrorsDoNotShowSecrets has servers whose answers are not HTTP: net/http quotes them.
func TestLibraryErrorsDoNotShowSecrets(t *testing.T) {
	for _, answer := range []string{
		"s3cret-password\r\n\r\n", "HTTP/1.1 200 OK\r\ns3cret-password\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: s3cret-password\r\n\r\n",
		"HTTP/1.1 s3cret-password\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: s3cret-password\r\n\r\n",
	} {
		cfg := config("http://" + serveConns(t, answers(answer)))
		cfg.Secrets = []string{"s3cret-password"}
		_, err := post(t, cfg, "body")
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: have %v, want an error without the secret", answer, err)
		}
	}
}

// A wrapped RoundTripper is what programs put in place of [http.DefaultTransport].
type wrapped struct{ http.RoundTripper }

// TestDefaultTransportIsNotUsed replaces [http.DefaultTransport] and [http.DefaultClient].
func TestDefaultTransportIsNotUsed(t *testing.T) {
	transport, client := http.DefaultTransport, http.DefaultClient
	t.Cleanup(func() { http.DefaultTransport, http.DefaultClient = transport, client })
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer srv.Close()
	for name, replacement := range map[string]http.RoundTripper{
		"another type": wrapped{transport}, "nil": nil,
		"changed": &http.Transport{Proxy: func(*http.Request) (*url.URL, error) {
			return nil, fmt.Errorf("proxy of another program part")
		}},
	} {
		http.DefaultTransport, http.DefaultClient = replacement, nil
		answer, err := post(t, config(srv.URL), "body")
		if err != nil || answer.Status != http.StatusOK {
			t.Errorf("%s: have %d, %v", name, answer.Status, err)
		}
	}
}
