package configs

import (
	"net/url"
	"regexp"
	"strings"
)

// mask replaces a secret.
const mask = "xxxxx"

// secretName matches the flags, and OpenTelemetry's variables, whose whole value is a secret.
// Headers often hold credentials.
var secretName = regexp.MustCompile(`(?i)(^|[-_])(password|token|secret|headers)$`)

func isSecret(name string) bool { return secretName.MatchString(name) }

// redact returns the value of a setting as output may show it.
func redact(name, value string) string {
	shown, _ := split(name, value)
	return shown
}

var (
	scheme = regexp.MustCompile(`^(?:https?|amqps?|grpc|tcp|ftp)://`)
	// address matches an address that can be shown: a host name or IP, a port, a path.
	address = regexp.MustCompile(`^\s*(?:(?:https?|amqps?|grpc|tcp|ftp)://)?` +
		`(?:[A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]*\])(?::[0-9]+)?(?:/[^\s?#@:]*)?\s*$`)
)

// split returns the value of a setting as output may show it, and the secrets in the value.
//
// A value that may be an address is shown without its userinfo, query and fragment, provided that
// the rest has the form of an address or of a list of addresses. Otherwise nothing of it is shown:
// in a malformed address a secret can be anywhere.
func split(name, value string) (shown string, secrets []string) {
	switch {
	case value == "":
		return "", nil
	case isSecret(name):
		return mask, secretsOf(name, value)
	case !mayBeAddress(value):
		return value, nil
	}
	prefix := scheme.FindString(value)
	rest, suffix := value[len(prefix):], ""
	at, query := strings.LastIndex(rest, "@"), strings.IndexAny(rest, "?#")
	// A "?" can be of a query or of a password, and a "%40" can be an "@" escaped by mistake.
	unclear := query >= 0 && query < at || strings.LastIndex(rest, "%40") > at
	switch {
	case unclear:
		return mask, append(userinfo(rest), parts(value)...)
	case at >= 0:
		secrets = userinfo(rest[:at])
		prefix, rest, query = prefix+mask+"@", rest[at+1:], query-at-1
	}
	if query >= 0 {
		secrets = append(secrets, parts(rest[query+1:])...)
		rest, suffix = rest[:query], rest[query:query+1]+mask
	}
	for element := range strings.SplitSeq(rest, ",") {
		if !address.MatchString(element) {
			return mask, append(secrets, parts(value)...)
		}
	}
	return prefix + rest + suffix, secrets
}

// mayBeAddress reports whether a value may be an address with a secret. Words, numbers, paths and
// host:port are not.
func mayBeAddress(value string) bool {
	isPath := strings.HasPrefix(value, "/") || strings.HasPrefix(value, ".")
	return strings.Contains(value, "://") ||
		!isPath && (strings.ContainsAny(value, "@?") || strings.Contains(value, "%40"))
}

// headerName matches the names of headers. They are not secret.
var headerName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// secretsOf returns the secrets in the value of a secret setting.
func secretsOf(name, value string) []string {
	all := []string{value}
	if !strings.HasSuffix(strings.ToLower(name), "headers") {
		return all
	}
	for pair := range strings.SplitSeq(value, ",") {
		k, v, _ := strings.Cut(pair, "=")
		if k = strings.TrimSpace(k); !headerName.MatchString(k) {
			all = append(all, parts(k)...)
		}
		all = append(all, strings.TrimSpace(v))
		all = append(all, strings.Fields(unescaped(v))...) // "Bearer s3cret"
	}
	return all
}

// userinfo returns the secrets in the userinfo of a URL: the password, or the name if there is no
// password.
func userinfo(text string) []string {
	if _, password, ok := strings.Cut(text, ":"); ok {
		return append(parts(password), text)
	}
	return parts(text)
}

// parts returns a secret and its parts. Errors about URLs may show a part: package net/url takes
// the text after a "/" for a path, and the text after a ":" for a port.
func parts(secret string) []string {
	return append(strings.FieldsFunc(secret, func(r rune) bool {
		return strings.ContainsRune(":/?#@,&=;%[] \t\r\n\"'", r)
	}), secret)
}

// unescaped returns a secret without percent-encoding, as net/url returns passwords.
func unescaped(secret string) string {
	if text, err := url.PathUnescape(secret); err == nil {
		return text
	}
	return secret
}
