package configs

import (
	"cmp"
	"encoding/json"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Secrets are the secrets in the settings of a command, in force or not: passwords, tokens,
// headers, and the userinfo, query and fragment of URLs. Secrets masks them in output of other
// packages, such as errors and log lines. The zero value has no secrets.
type Secrets struct {
	shown map[string]string // the replacement of each text
}

// minSecret is the minimum length in bytes of a text that is masked wherever it occurs. Shorter
// texts are parts of ordinary words; they are masked only where their setting is shown.
const minSecret = 6

// add adds the secrets in the value of a setting.
func (s *Secrets) add(name, value string) {
	shown, secrets := split(name, value)
	for _, secret := range secrets {
		s.hide(secret, mask)
		s.hide(unescaped(secret), mask)
	}
	if shown != value {
		s.hide(value, shown)
	}
}

// hide replaces text by shown, also if text is quoted or escaped.
func (s *Secrets) hide(text, shown string) {
	if len(text) < minSecret {
		return
	}
	if s.shown == nil {
		s.shown = map[string]string{}
	}
	quoted := inner(strconv.Quote(text))
	asJSON, _ := json.Marshal(text) // a string cannot fail
	for _, form := range []string{
		text,
		strings.Join(strings.Fields(text), " "), // as maskError makes one line
		quoted,
		inner(strconv.Quote(quoted)), // as package slog quotes an error with a quoted text
		inner(strconv.QuoteToASCII(text)),
		inner(string(asJSON)),
		url.QueryEscape(text),
		url.PathEscape(text),
		url.User(text).String(),
	} {
		if len(form) >= minSecret {
			s.shown[form] = shown
		}
	}
}

// inner returns a quoted text without its quotes.
func inner(quoted string) string { return quoted[1 : len(quoted)-1] }

// replacer returns a replacer for all secrets, nil if there are none.
func (s Secrets) replacer() *strings.Replacer {
	if len(s.shown) == 0 {
		return nil
	}
	longestFirst := slices.SortedFunc(maps.Keys(s.shown), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	})
	var pairs []string
	for _, text := range longestFirst {
		pairs = append(pairs, text, s.shown[text])
	}
	return strings.NewReplacer(pairs...)
}

// Mask returns a writer to w that replaces secrets by "xxxxx". It finds a secret only within one
// Write. Its Write may be called concurrently if that of w may.
func (s Secrets) Mask(w io.Writer) io.Writer {
	if r := s.replacer(); r != nil {
		return &maskingWriter{w, r}
	}
	return w
}

type maskingWriter struct {
	w        io.Writer
	replacer *strings.Replacer
}

func (m *maskingWriter) Write(p []byte) (int, error) {
	if _, err := io.WriteString(m.w, m.replacer.Replace(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// A maskedError is an error whose text is one line without secrets.
type maskedError struct {
	text string
	err  error
}

func (e *maskedError) Error() string { return e.text }
func (e *maskedError) Unwrap() error { return e.err }

func (s Secrets) maskError(err error) error {
	text := err.Error()
	if strings.Contains(text, "\n") {
		text = strings.Join(strings.Fields(text), " ")
	}
	if r := s.replacer(); r != nil {
		text = r.Replace(text)
	}
	return &maskedError{text, err}
}
