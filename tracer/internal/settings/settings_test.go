package settings_test

import (
	"errors"
	"flag"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bookservice/tracer/internal/settings"
)

// TestErrorText checks the form of errors: strings are quoted, other values are not.
func TestErrorText(t *testing.T) {
	books := settings.Prefix("books-")
	for _, test := range []struct {
		err     error
		text    string
		setting string
	}{
		{books.Invalid("a", "x", "must be y"), `-books-a "x": must be y`, "books-a"},
		{books.Invalid("a", "", "must be y"), `-books-a "": must be y`, "books-a"},
		{books.Invalid("a", 7, "must be y"), `-books-a 7: must be y`, "books-a"},
		{books.Invalid("a", time.Second, "must be y"), `-books-a 1s: must be y`, "books-a"},
		{books.InvalidSecret("a", "must be y"), `-books-a: must be y`, "books-a"},
		{settings.Name{Variable: "A"}.Invalid("x", "must be y"), `A "x": must be y`, ""},
		{settings.Name{Variable: "A"}.InvalidSecret("must be y"), `A: must be y`, ""},
		{settings.Prefix("").Invalid("a", "x", "must be y"), `-a "x": must be y`, "a"},
	} {
		var setting interface{ Setting() string }
		if test.err.Error() != test.text || !errors.As(test.err, &setting) ||
			setting.Setting() != test.setting {
			t.Errorf("have %v, want %s", test.err, test.text)
		}
	}
	if have := books.Flag("a"); have != "-books-a" {
		t.Errorf("have flag %s, want -books-a", have)
	}
}

// defineTwo defines two flags, of which one mentions the other.
func defineTwo(fs *flag.FlagSet) {
	fs.String("a", "1", "for -b-c, not for -x, a-b-c or -b-c-d; (-b-c)")
	fs.Int("b-c", 2, "")
}

// TestRegisterPutsThePrefixBeforeFlagsAndMentions checks names, defaults and usage texts.
func TestRegisterPutsThePrefixBeforeFlagsAndMentions(t *testing.T) {
	for prefix, want := range map[settings.Prefix]string{
		"":   "for -b-c, not for -x, a-b-c or -b-c-d; (-b-c)",
		"p-": "for -p-b-c, not for -x, a-b-c or -b-c-d; (-p-b-c)",
	} {
		fs := flag.NewFlagSet("host", flag.ContinueOnError)
		fs.String("x", "", "a flag of the host")
		if err := prefix.Register(fs, defineTwo); err != nil {
			t.Fatal(err)
		}
		a, bc := fs.Lookup(string(prefix)+"a"), fs.Lookup(string(prefix)+"b-c")
		if a == nil || bc == nil || a.DefValue != "1" || bc.DefValue != "2" {
			t.Fatalf("prefix %q: have flags %v and %v", prefix, a, bc)
		}
		if a.Usage != want {
			t.Errorf("prefix %q: have usage %q, want %q", prefix, a.Usage, want)
		}
	}
}

// TestRegisterDefinesAllOrNothing has a flag set with the second of two flags.
func TestRegisterDefinesAllOrNothing(t *testing.T) {
	fs := flag.NewFlagSet("host", flag.ContinueOnError)
	fs.String("p-b-c", "", "a flag of the host")
	err := settings.Prefix("p-").Register(fs, defineTwo)
	const want = "tracer: flag -p-b-c is defined already"
	if err == nil || err.Error() != want || fs.Lookup("p-a") != nil {
		t.Errorf("have %v and flag %v, want %s and no flag", err, fs.Lookup("p-a"), want)
	}
}

// TestSecretFlagsNeverShowTheirValue prints usage texts and values, and parses an invalid value.
func TestSecretFlagsNeverShowTheirValue(t *testing.T) {
	const secret = "s3cret"
	token, address := secret, "http://u:"+secret+"@h/?"+secret
	var out strings.Builder
	fs := flag.NewFlagSet("host", flag.ContinueOnError)
	fs.SetOutput(&out)
	settings.Secret(fs, &token, "token", "a token")
	settings.URL(fs, &address, "url", "a URL")
	fs.PrintDefaults()
	show := func(f *flag.Flag) { fmt.Fprintln(&out, f.Name, f.Value, f.DefValue) }
	fs.VisitAll(show)
	const newToken, newURL = "new " + secret, "::" + secret + "@"
	if err := fs.Parse([]string{"-token", newToken, "-url", newURL}); err != nil {
		t.Fatal(err)
	}
	fs.VisitAll(show)
	if token != newToken || address != newURL {
		t.Errorf("have %q and %q, want the values that were set", token, address)
	}
	if strings.Contains(out.String(), secret) {
		t.Errorf("the secret is in %s", out.String())
	}
	for _, want := range []string{
		"token xxxxx xxxxx", "url http://xxxxx@h/?xxxxx http://xxxxx@h/?xxxxx",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("have %s, want %s in it", out.String(), want)
		}
	}
}

// TestEmptySecretsAreShownAsEmpty checks that package flag prints no default for them.
func TestEmptySecretsAreShownAsEmpty(t *testing.T) {
	var token, address string
	var out strings.Builder
	fs := flag.NewFlagSet("host", flag.ContinueOnError)
	fs.SetOutput(&out)
	settings.Secret(fs, &token, "token", "a token")
	settings.URL(fs, &address, "url", "a URL")
	fs.PrintDefaults()
	if have := out.String(); strings.Contains(have, "default") || strings.Contains(have, "xxxxx") {
		t.Errorf("have %s, want no default", have)
	}
}

// TestSplitList checks entries and white space.
func TestSplitList(t *testing.T) {
	for list, want := range map[string][]string{
		"": nil, " \t": nil, "a": {"a"}, " a , b c ": {"a", "b c"}, "a,": {"a", ""}, ",": {"", ""},
	} {
		if have := settings.SplitList(list); !slices.Equal(have, want) {
			t.Errorf("%q: have %q, want %q", list, have, want)
		}
	}
}

// TestParseHeaders checks well-formed lists.
func TestParseHeaders(t *testing.T) {
	for list, want := range map[string]map[string]string{
		"":                              {},
		"a=b":                           {"a": "b"},
		" a = b , c=d%2Ce%20f ":         {"a": "b", "c": "d,e f"},
		"a=":                            {"a": ""},
		"a=b=c":                         {"a": "b=c"},
		"a=b,a=c":                       {"a": "c"},
		"a=b,":                          {"a": "b"},
		" , a=b,, c=d ,":                {"a": "b", "c": "d"},
		",":                             {},
		"a=k%C3%B6ln%09x":               {"a": "köln\tx"},
		"!#$%&'*+-.^_`|~09azAZ=~ plus+": {"!#$%&'*+-.^_`|~09azAZ": "~ plus+"},
	} {
		have, must := settings.ParseHeaders(list)
		if diff := cmp.Diff(want, have); must != "" || diff != "" {
			t.Errorf("%q: have %q; -want +have\n%s", list, must, diff)
		}
	}
}

// TestParseMalformedHeaders checks that the text names the pair and does not show it.
func TestParseMalformedHeaders(t *testing.T) {
	const (
		pairs = "must be name=value pairs with percent-encoded values; pair %d is not"
		http  = "must have names and values that HTTP allows; pair %d has not"
	)
	for list, want := range map[string]string{
		"s3cret":           fmt.Sprintf(pairs, 1),
		"a=b,=s3cret":      fmt.Sprintf(pairs, 2),
		"a=b,c=d,e=s3%zz":  fmt.Sprintf(pairs, 3),
		"a=b,,s3cret":      fmt.Sprintf(pairs, 3),
		"a b=s3cret":       fmt.Sprintf(http, 1),
		"a=b,s3\xffcret=c": fmt.Sprintf(http, 2),
		"a=s3cret%0A":      fmt.Sprintf(http, 1),
		"a=s3cret%00":      fmt.Sprintf(http, 1),
	} {
		have, must := settings.ParseHeaders(list)
		if must != want || have != nil || strings.Contains(must, "s3") {
			t.Errorf("%q: have %q and %v, want %q", list, must, have, want)
		}
	}
}

// TestParseURL checks which URLs are accepted. The error does not show the URL.
func TestParseURL(t *testing.T) {
	for text, ok := range map[string]bool{
		"http://h":             true,
		"HTTP://h":             true,
		"https://h:1/p?q#f":    true,
		"http://u:p@h:65535":   true,
		"http://[::1]:9411":    true,
		"":                     false,
		"h:9411":               false,
		"//h":                  false,
		"ftp://h":              false,
		"http:h":               false,
		"http://":              false,
		"http://:9411":         false,
		"http://u:s3cret@":     false,
		"http://h:0":           false,
		"http://h:65536":       false,
		"http://h:x":           false,
		"http://u:s3cret@h:1x": false,
	} {
		u, err := settings.ParseURL(text)
		if (err == nil) != ok || (u != nil) != ok {
			t.Errorf("%q: have %v and %v, want it accepted: %v", text, u, err, ok)
		}
		if err != nil && err.Error() != "not an http or https URL" {
			t.Errorf("%q: have %v", text, err)
		}
	}
}

// TestValidPort checks both ends of the range.
func TestValidPort(t *testing.T) {
	for port, want := range map[string]bool{
		"1": true, "65535": true, "0": false, "65536": false, "-1": false, "": false, "http": false,
		"+1": false, " 1": false, //nolint:gocritic // the space is the case
	} {
		if have := settings.ValidPort(port); have != want {
			t.Errorf("%q: have %v, want %v", port, have, want)
		}
	}
}

// TestWithoutURL removes a URL, and returns other errors as they are.
func TestWithoutURL(t *testing.T) {
	cause := errors.New("no paper")
	wrapped := &url.Error{Op: "Post", URL: "http://u:s3cret@h", Err: cause}
	for _, err := range []error{wrapped, fmt.Errorf("wrapped: %w", wrapped), cause} {
		if have := settings.WithoutURL(err); have != cause {
			t.Errorf("have %v, want %v", have, cause)
		}
	}
}

// TestRedactURL checks what is shown of a URL.
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
		"https://h/p%2Fq?s3cret":              "https://h/p%2Fq?xxxxx",
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
		"a.s3cret://u@@h":                     "xxxxx",
		"http://[::1]:9411/?x=s3cret":         "http://[::1]:9411/?xxxxx",
		"http://u:" + `"s3cret"` + "@h/":      "http://xxxxx",
		"http://u:s3cret@h:99999999999/?a=b#": "http://xxxxx@h:99999999999/?xxxxx",
	} {
		have := settings.RedactURL(in)
		if have != want {
			t.Errorf("%q: have %q, want %q", in, have, want)
		}
		if strings.Contains(have, "s3cret") {
			t.Errorf("%q: the secret is in %q", in, have)
		}
	}
}

// FuzzRedactURL puts a secret in any place of a URL that may contain one.
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
			return // neither in userinfo nor in a query
		}
		if have := settings.RedactURL(in); strings.Contains(have, secret) {
			t.Errorf("%q: the secret is in %q", in, have)
		}
	})
}
