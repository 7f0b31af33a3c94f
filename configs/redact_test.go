package configs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"bookservice/configs"
	"bookservice/tracer/tracertest/testkit"
)

// An error about a setting shows the value without secrets.
func TestValuesAreRedacted(t *testing.T) {
	for value, want := range map[string]string{
		// Addresses with secrets.
		"http://u:s3cret@h:1/p":              "http://xxxxx@h:1/p",
		"http://s3cret@h":                    "http://xxxxx@h",
		"http://:s3cret@h":                   "http://xxxxx@h",
		"amqp://u:s3cret@h:5672/vhost":       "amqp://xxxxx@h:5672/vhost",
		"u:s3cret@h:1":                       "xxxxx@h:1",
		"u:p@h":                              "xxxxx@h",
		"h?p":                                "h?xxxxx",
		"s3cret@h":                           "xxxxx@h",
		"http://u:s3@cr@et@h/":               "http://xxxxx@h/",
		"http://u:s3/cret@h/":                "http://xxxxx@h/",
		"http://u:s3://cret@h/":              "http://xxxxx@h/",
		"http://u:s3,cret@h/":                "http://xxxxx@h/",
		"http://u:s3 cret@h/":                "http://xxxxx@h/",
		"http://u:s3\ncret@h/":               "http://xxxxx@h/",
		"http://u:s3\"cret'@h/":              "http://xxxxx@h/",
		"http://u:s3%40cret@h/":              "http://xxxxx@h/",
		"http://u:密码@h/":                     "http://xxxxx@h/",
		"http://h/?k=s3cret":                 "http://h/?xxxxx",
		"http://h/p?k=s3cret#f":              "http://h/p?xxxxx",
		"http://h/#s3cret":                   "http://h/#xxxxx",
		"h:1?k=s3cret":                       "h:1?xxxxx",
		"http://u:s3cret@h/?k=s3cret":        "http://xxxxx@h/?xxxxx",
		"http://u:s3cret@[::1]:2379":         "http://xxxxx@[::1]:2379",
		"a:1,http://u:s3cret@b:2,c:3":        "xxxxx@b:2,c:3",
		"http://a:1,http://u:s3cret@b:2":     "http://xxxxx@b:2",
		"http://u:s3cret@a:1,http://v:w@b:2": "http://xxxxx@b:2",
		"/p,http://u:s3cret@b:2":             "xxxxx@b:2",
		// Malformed or ambiguous: nothing is shown.
		"http://u:s3?cret@h/":     "xxxxx",
		"http://u:s3#cret@h/":     "xxxxx",
		"http://h/?k=s3@cret":     "xxxxx",
		"s3cret://h":              "xxxxx",
		"http://u:s3cret%40h/":    "xxxxx",
		"u:s3cret%40h":            "xxxxx",
		"http://u:12/s3cret%40h":  "xxxxx",
		"http://a@b:s3cret%40h/":  "xxxxx",
		"http://u:s3cret":         "xxxxx",
		"http://u:s3cret/p":       "xxxxx",
		"http://s3 cret/":         "xxxxx",
		"http:// u:s3cret":        "xxxxx",
		"u:s3cret@h@":             "xxxxx@",
		"http://a:1, u:s3cret":    "xxxxx",
		"http://u:p@h:s3cret":     "xxxxx",
		"http://h:1:s3cret/":      "xxxxx",
		"://u:s3cret":             "xxxxx",
		"http://[s3cret]/":        "xxxxx",
		"http://a,u:s3cret,b://h": "xxxxx",
		// No secrets.
		"":                        "",
		"soon":                    "soon",
		"127.0.0.1:1":             "127.0.0.1:1",
		"a:1,b:2":                 "a:1,b:2",
		"http://h:1/p":            "http://h:1/p",
		"https://a:1,https://b":   "https://a:1,https://b",
		"http://[::1]:1/a/b":      "http://[::1]:1/a/b",
		"http://127.0.0.1:99999/": "http://127.0.0.1:99999/",
		"ftp://h":                 "ftp://h",
		"u:password":              "u:password",
		"/etc/conf@prod?.yaml":    "/etc/conf@prod?.yaml",
		"./conf@prod.yaml":        "./conf@prod.yaml",
		"../conf@prod.yaml":       "../conf@prod.yaml",
		"a=b,c*=0.1":              "a=b,c*=0.1",
		"orders#index":            "orders#index",
	} {
		wantError(t, client([]string{"-wait", value}, io.Discard),
			fmt.Sprintf("-wait %q: must be a duration, such as 500ms or 10s", want))
	}
}

// plant is in every part of each secret. The tests search output for it.
const plant = "PL4NTED"

// secrets contain the characters that have a meaning in URLs, YAML, headers and quoted text.
var secrets = func() []string {
	all := []string{plant}
	for _, between := range []string{
		"@", "/", "?", "#", ":", "%", "%40", `"`, "'", `\`, " ", "\n", "\t", ",", "=", "&", "密",
		"://", "<>{}[]|`^;", "\u2028",
	} {
		all = append(all, plant+between+plant)
	}
	for _, first := range []string{"*", "&", "!", "-", "@", "%", "{", "["} {
		all = append(all, first+plant)
	}
	return all
}()

// carriers are values that have a secret in their userinfo or query, well-formed and malformed.
// They may stand in any setting. An endless one has no secret with an "@": a host follows it.
var carriers = []string{
	"http://root:%s@127.0.0.1:2379", "http://%s@127.0.0.1:2379/p",
	"http://127.0.0.1:2379/?token=%s", "https://root:%s@127.0.0.1:1/p?k=v",
	"amqp://root:%s@127.0.0.1:5672/%%zz", "root:%s@127.0.0.1:2379", "%s@127.0.0.1:2379",
	"http://root:%s", "://root:%s@127.0.0.1", "http://root:%s@", "127.0.0.1:2379?k=%s",
	"127.0.0.1:1,http://root:%s@127.0.0.1:2,127.0.0.1:3",
}

// No output shows a secret, in whatever setting it is, wherever it comes from, in force or not,
// well-formed or not.
func TestNoOutputShowsASecret(t *testing.T) {
	testkit.Slow(t)
	file := filepath.Join(t.TempDir(), "settings.yaml")
	for name, parse := range commands {
		for k, key := range append(keys(t, parse), "config") {
			for i, carrier := range carriers {
				// Each setting has each carrier, and some carriers in every way.
				c := checker{t, name, parse, key, fmt.Sprintf(carrier, plant)}
				c.byFlag()
				if (i+k)%4 == 0 {
					c.byVariable()
					c.byFile(file)
				}
			}
			for i, secret := range secrets {
				if isSecret.MatchString(key) {
					form := []string{"%s", "a=%s", "%s=a"}[i%3]
					c := checker{t, name, parse, key, fmt.Sprintf(form, secret)}
					c.byFlag()
					c.byVariable()
					c.byFile(file)
				}
				if (i+k)%8 == 0 { // each secret in some settings
					value := fmt.Sprintf(carriers[(i+k)/8%len(carriers)], secret)
					if !strings.Contains(value, "127.0.0.1") {
						value = strings.ReplaceAll(value, "@", ":")
					}
					c := checker{t, name, parse, key, value}
					c.byFlag()
					c.byFile(file)
				}
			}
		}
	}
}

// A checker checks the output of a command that has a secret in the value of a setting.
type checker struct {
	t          *testing.T
	name       string
	parse      parser
	key, value string
}

func (c checker) check(args ...string) {
	c.t.Helper()
	var out bytes.Buffer
	err := c.parse(args, &out)
	if text := fmt.Sprint(err, out.String()); strings.Contains(text, plant) {
		c.t.Errorf("%s %q: %s is %q: shown in\n%s", c.name, args, c.key, c.value, text)
	}
	if err != nil && strings.Contains(err.Error(), "\n") {
		c.t.Errorf("%s %q: %s is %q: have several lines\n%v", c.name, args, c.key, c.value, err)
	}
}

func (c checker) byFlag() {
	c.t.Helper()
	c.check("-"+c.key, c.value, "-print-config")
	c.check("-"+c.key+"="+c.value, "-nope")
	if !strings.HasPrefix(c.value, "-") { // a flag
		c.check("-"+c.key, c.value, c.value)
	}
	c.check("-"+c.key, c.value, "-h", "all")
}

func (c checker) byVariable() {
	c.t.Helper()
	if c.key == "config" {
		return
	}
	variable := strings.ToUpper(c.name + "_" + strings.ReplaceAll(c.key, "-", "_"))
	for _, variable := range []string{variable, variable + "X"} {
		if err := os.Setenv(variable, c.value); err != nil {
			c.t.Fatal(err)
		}
		c.check("-print-config")
		c.check("-"+c.key, "other", "-print-config")
		if err := os.Unsetenv(variable); err != nil {
			c.t.Fatal(err)
		}
	}
}

// oneLine returns text without the characters that end a line in YAML.
func oneLine(text string) string {
	return strings.NewReplacer("\n", " ", "\u2028", " ").Replace(text)
}

func (c checker) byFile(file string) {
	c.t.Helper()
	quoted := strconv.Quote(c.value)
	for _, text := range []string{
		c.key + ": " + quoted + "\n",
		c.key + ": " + oneLine(c.value) + "\n", // most often YAML, sometimes not
		c.key + ": [" + quoted + "]\n",
		c.key + ":\n  a: " + quoted + "\n",
		c.key + "x: " + quoted + "\n",
		quoted + "\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			c.t.Fatal(err)
		}
		c.check("-config", file, "-print-config")
	}
	c.check("-config", file, "-"+c.key, "other", "-print-config")
}

// The writer masks the secrets of all settings, also if they are quoted or escaped.
func TestMaskedOutput(t *testing.T) {
	t.Setenv("BOOKSERVER_KAFKA_PASSWORD", "from-variable")
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20from-otel")
	file := fileWith(t, "zipkin-token: from file\nttl: 7s\nzipkin-url: http://u:overridden@h/\n")
	c, err := configs.ParseServer([]string{
		"-config", file, "-otlp-headers", "a=from-flag,b=2,c=Basic abcdefgh",
		"-zipkin-url", "http://user:p@ss/w0rd\"1@h/?k=query7", "-service-name", "http://nopass@h",
		"-kafka-topic", "name:pw@h", "-service-version", "http://n:p@hh/?k=v",
		"-zipkin-headers", "a=密\"<码s3",
	}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"plain":                               "plain",
		"user h zipkin-token b=2":             "user h zipkin-token b=2",
		"a from-variable b":                   "a xxxxx b",
		"from+file from%20file":               "xxxxx xxxxx",
		"name:pw at h, pw":                    "xxxxx at h, pw",
		"n:p http://n:p@hh/?k=v":              "n:p http://xxxxx@hh/?xxxxx",
		`密"<码s3 "密\"<码s3"`:                    `xxxxx "xxxxx"`,
		`"\u5bc6\"<\u7801s3" "密\"\u003c码s3"`:  `"xxxxx" "xxxxx"`,
		"from file, from\tfile":               "xxxxx, from\tfile",
		"x overridden y":                      "x xxxxx y",
		"Bearer%20from-otel":                  "xxxxx",
		"Bearer from-otel":                    "xxxxx",
		"have from-flag":                      "have xxxxx",
		"Basic abcdefgh":                      "xxxxx",
		"abcdefgh":                            "xxxxx",
		`p@ss/w0rd"1`:                         "xxxxx",
		`"p@ss/w0rd\"1"`:                      `"xxxxx"`,
		`"\"p@ss/w0rd\\\"1\""`:                `"\"xxxxx\""`,
		"p%40ss%2Fw0rd%221":                   "xxxxx",
		"p@ss%2Fw0rd%221":                     "xxxxx",
		"query7 k=query7":                     "xxxxx xxxxx",
		"nopass":                              "xxxxx",
		"http://nopass@h":                     "http://xxxxx@h",
		`http://user:p@ss/w0rd"1@h/?k=query7`: "http://xxxxx@h/?xxxxx",
	} {
		var out bytes.Buffer
		n, err := c.Sources.Mask(&out).Write([]byte(text + "\n"))
		have := strings.TrimSuffix(out.String(), "\n")
		if have != want || n != len(text)+1 || err != nil {
			t.Errorf("%s: have %s, %d, %v, want %s", text, have, n, err, want)
		}
	}
	n, err := c.Sources.Mask(failing{}).Write([]byte("text"))
	if n != 0 || !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("have %d, %v, want the error of the writer", n, err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// Without secrets the output goes to the writer itself.
func TestNothingToMask(t *testing.T) {
	var out bytes.Buffer
	args := []string{"-zipkin-url", "http://h:1/p", "-books", "/a@b"}
	c, err := configs.ParseServer(args, io.Discard)
	if err != nil || c.Sources.Mask(&out) != io.Writer(&out) {
		t.Errorf("have another writer, %v", err)
	}
	if (configs.Sources{}).Mask(&out) != io.Writer(&out) {
		t.Error("have another writer for no settings")
	}
}

// A short secret, which may be an ordinary word, is masked only where its setting is shown.
func TestShortSecrets(t *testing.T) {
	args := []string{"-zipkin-user", "u", "-zipkin-password", "noop"}
	c, err := configs.ParseServer(args, io.Discard)
	var out bytes.Buffer
	_, _ = c.Sources.Mask(&out).Write([]byte("tracer=noop"))
	if err != nil || out.String() != "tracer=noop" {
		t.Errorf("have %q, %v", out.String(), err)
	}
	have := printed(t, server, args...)
	if !strings.Contains(have, `zipkin-password: "xxxxx"`) {
		t.Errorf("have the password in\n%s", have)
	}
}
