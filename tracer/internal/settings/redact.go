package settings

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"bookservice/tracer/internal/truncate"
)

// Maximum lengths in bytes.
const (
	maxQuoted = 200 // of a peer's text in an error
	maxError  = 500 // of a library's error, which may contain a peer's text
)

// minSubstring is the length in bytes below which a secret is masked only where it is a whole word:
// a tenant called 1 must not mask every digit.
const minSubstring = 4

// Secrets finds secrets of the configuration in texts of a peer, which may echo what it was sent.
// The zero value has no secrets.
type Secrets struct{ pattern *regexp.Regexp }

// NewSecrets returns the Secrets with these values. Each is also found as it is written in a URL,
// in JSON, in HTML, in a quoted string and in base64.
func NewSecrets(values ...string) Secrets {
	var forms []string
	for _, value := range values {
		forms = append(forms, written(strings.TrimSpace(value))...)
	}
	slices.Sort(forms)
	forms = slices.Compact(forms)
	slices.SortStableFunc(forms, func(a, b string) int { return len(b) - len(a) }) // longest first
	if len(forms) == 0 {
		return Secrets{}
	}
	for i, form := range forms {
		forms[i] = expression(form)
	}
	return Secrets{regexp.MustCompile(strings.Join(forms, "|"))}
}

// written returns the forms in which a peer may write the value.
func written(value string) []string {
	if value == "" {
		return nil
	}
	inJSON, _ := json.Marshal(value) // a string never fails
	forms := []string{
		value, url.QueryEscape(value), url.PathEscape(value), html.EscapeString(value),
		strings.Trim(string(inJSON), `"`), strings.Trim(strconv.Quote(value), `"`),
	}
	if len(value) >= minSubstring {
		encoded := base64.StdEncoding.EncodeToString([]byte(value))
		forms = append(forms, strings.TrimRight(encoded, "="))
	}
	return forms
}

// expression returns the regular expression that finds a form.
func expression(form string) string {
	quoted := regexp.QuoteMeta(form)
	if len(form) >= minSubstring {
		return quoted
	}
	if startsWithWord.MatchString(form) {
		quoted = `\b` + quoted
	}
	if endsWithWord.MatchString(form) {
		quoted += `\b`
	}
	return quoted
}

var (
	startsWithWord = regexp.MustCompile(`^\w`)
	endsWithWord   = regexp.MustCompile(`\w$`)
)

// URLSecrets returns the secrets of a URL: user, password, both together, the query and its values.
func URLSecrets(text string) []string {
	u, err := url.Parse(text)
	if err != nil {
		return nil
	}
	secrets := []string{u.RawQuery}
	for _, values := range u.Query() {
		secrets = append(secrets, values...)
	}
	if u.User == nil {
		return secrets
	}
	password, _ := u.User.Password()
	return append(secrets, u.User.String(), u.User.Username(), password,
		u.User.Username()+":"+password)
}

// HeaderSecrets returns the secrets of header values: the values, and the credentials of those with
// a scheme, such as "Basic YW5uOnMzY3JldA==" (RFC 9110, section 11.4).
func HeaderSecrets(values ...string) []string {
	secrets := slices.Clone(values)
	for _, value := range values {
		_, credentials, _ := strings.Cut(value, " ")
		secrets = append(secrets, credentials)
		if basic, err := base64.StdEncoding.DecodeString(credentials); err == nil {
			_, password, _ := strings.Cut(string(basic), ":")
			secrets = append(secrets, string(basic), password)
		}
	}
	return secrets
}

// Redact returns the text with xxxxx in place of each secret.
func (s Secrets) Redact(text []byte) []byte {
	if s.pattern == nil {
		return text
	}
	return s.pattern.ReplaceAllLiteral(text, []byte(mask))
}

// Quote returns what an error may show of a peer's text: at most 200 bytes in one line, without
// secrets.
func (s Secrets) Quote(text string) string { return s.line(text, maxQuoted) }

func (s Secrets) line(text string, maxBytes int) string {
	words := strings.FieldsFunc(string(s.Redact([]byte(text))), func(r rune) bool {
		return !unicode.IsPrint(r) || unicode.IsSpace(r)
	})
	return truncate.UTF8(strings.Join(words, " "), maxBytes)
}

// Error returns an error that unwraps to err, in one line of at most 500 bytes, without secrets:
// libraries put what a peer has sent into their errors.
func (s Secrets) Error(err error) error {
	if err == nil {
		return nil
	}
	text := s.line(err.Error(), maxError)
	if text == err.Error() {
		return err
	}
	return &cleanError{text, err}
}

// A cleanError is an error with another text.
type cleanError struct {
	text string
	err  error
}

// Error implements error.
func (e *cleanError) Error() string { return e.text }

// Unwrap returns the error with the original text.
func (e *cleanError) Unwrap() error { return e.err }
