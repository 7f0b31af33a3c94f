package settings

import (
	"flag"
	"net/url"
	"strings"
)

// mask replaces a secret in all output.
const mask = "xxxxx"

// Secret defines a flag whose value is never shown: not in usage texts, errors or printed settings.
func Secret(fs *flag.FlagSet, p *string, name, usage string) {
	fs.Var((*secret)(p), name, usage)
}

type secret string

// Set never fails: package flag would put the value into its error.
func (s *secret) Set(value string) error {
	*s = secret(value)
	return nil
}

func (s *secret) String() string {
	if s == nil || *s == "" {
		return ""
	}
	return mask
}

// URL defines a flag that holds a URL. It is shown without userinfo and query, see [RedactURL].
func URL(fs *flag.FlagSet, p *string, name, usage string) {
	fs.Var((*urlValue)(p), name, usage)
}

type urlValue string

// Set never fails: package flag would put the value into its error.
func (u *urlValue) Set(value string) error {
	*u = urlValue(value)
	return nil
}

func (u *urlValue) String() string {
	if u == nil {
		return ""
	}
	return RedactURL(string(*u))
}

// RedactURL returns a URL, or what was meant to be one, without its secrets: userinfo, query and
// fragment are masked. If their bounds are unclear, everything after the scheme is.
func RedactURL(s string) string {
	if !strings.ContainsAny(s, "@?#") {
		return s
	}
	u, err := url.Parse(s)
	if err != nil || u.Opaque != "" || u.Host == "" || strings.Count(s, "@") > ats(u) {
		return scheme(s) + mask
	}
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	if u.User != nil {
		shown.User = url.User(mask)
	}
	if u.RawQuery != "" {
		shown.RawQuery = mask
	}
	if u.Fragment != "" {
		shown.Fragment = mask
	}
	return shown.String()
}

// RedactUserinfo masks what is before the last @ of an address.
func RedactUserinfo(address string) string {
	if i := strings.LastIndexByte(address, '@'); i >= 0 {
		return mask + address[i:]
	}
	return address
}

// ats returns how many at signs of a URL separate userinfo and host.
func ats(u *url.URL) int {
	if u.User == nil {
		return 0
	}
	return 1
}

// scheme returns the scheme of what was meant to be a URL, with "://", or "".
func scheme(s string) string {
	name, _, ok := strings.Cut(s, "://")
	other := func(r rune) bool { return r < 'a' || r > 'z' }
	if !ok || name == "" || strings.ContainsFunc(name, other) {
		return ""
	}
	return name + "://"
}
