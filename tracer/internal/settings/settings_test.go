package settings_test

import (
	"strings"
	"testing"

	"bookservice/tracer/internal/settings"
)

func TestRedactURL(t *testing.T) {
	for in, want := range map[string]string{
		"":                                    "",
		"http://127.0.0.1:9411/api/v2/spans":  "http://127.0.0.1:9411/api/v2/spans",
		"not a URL":                           "not a URL",
		"http://ann@h/":                       "http://xxxxx@h/",
		"http://ann:s3cret@h:1/p":             "http://xxxxx@h:1/p",
		"http://:s3cret@h":                    "http://xxxxx@h",
		"https://h/p?key=s3cret&b=s3cret":     "https://h/p?xxxxx",
		"https://h/p#s3cret":                  "https://h/p#xxxxx",
		"amqp://u:s3cret@h:5672/vhost":        "amqp://xxxxx@h:5672/vhost",
		"http://u:p@s3cret@h/":                "http://xxxxx",
		"http://u:s3/cret@h/":                 "http://xxxxx",
		"http://u:1/s3cret@h/":                "http://xxxxx",
		"http://u:1?s3cret@h/":                "http://xxxxx",
		"http://u:1#s3cret@h/":                "http://xxxxx",
		"http://u:%s3cret@h/":                 "http://xxxxx",
		"http://u:s3cret\n@h/":                "http://xxxxx",
		"http://h/?key=a@s3cret":              "http://xxxxx",
		"u:s3cret@h":                          "xxxxx",
		"://u:s3cret@h":                       "xxxxx",
		"mailto:s3cret@h":                     "xxxxx",
		"http://[::1]:9411/?x=s3cret":         "http://[::1]:9411/?xxxxx",
		"http://u:" + `"s3cret"` + "@h/":      "http://xxxxx",
		"http://u:s3cret@h:99999999999/?a=b#": "http://xxxxx@h:99999999999/?xxxxx",
	} {
		have := settings.RedactURL(in)
		if have != want && !(strings.Contains(in, "\n") && have == "http://xxxxx") {
			t.Errorf("%q: have %q, want %q", in, have, want)
		}
		if strings.Contains(have, "s3cret") {
			t.Errorf("%q: the secret is in %q", in, have)
		}
	}
}

// FuzzRedactURL looks for a secret in any position that a URL may have one in.
func FuzzRedactURL(f *testing.F) {
	f.Add("http://", "u:", "@h/")
	f.Add("http://", "", "@h/?a=b")
	f.Add("http://h/?a=", "", "")
	f.Add("", "u:1#", "@h")
	f.Fuzz(func(t *testing.T, before, middle, after string) {
		const secret = "QZs3cretZQ"
		in := before + middle + secret + after
		at, query := strings.Contains(after, "@"), strings.Contains(before+middle, "?")
		if !at && !query {
			return // not in userinfo, nor in a query
		}
		if have := settings.RedactURL(in); strings.Contains(have, secret) {
			t.Errorf("%q: the secret is in %q", in, have)
		}
	})
}
