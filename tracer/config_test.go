package tracer_test

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"bookservice/tracer"
)

// settingTests are invalid values of settings, with the errors.
var settingTests = map[string]struct {
	change func(*tracer.Config)
	want   string
}{
	"sample":          {func(c *tracer.Config) { c.Sample = 1.5 }, `-sample 1.5: must be 0 to 1`},
	"sample negative": {func(c *tracer.Config) { c.Sample = -0.1 }, `-sample -0.1: must be 0 to 1`},
	"sample NaN": {func(c *tracer.Config) { c.Sample = math.NaN() },
		`-sample NaN: must be 0 to 1`},
	"sampler": {func(c *tracer.Config) { c.Sampler.Kind = "some" },
		`-sampler "some": must be one of always, never, parent, probability, ratelimited`},
	"rate": {func(c *tracer.Config) { c.Sampler.Rate = 0 }, `-sample-rate 0: must be more than 0`},
	"infinite rate": {func(c *tracer.Config) { c.Sampler.Rate = math.Inf(1) },
		`-sample-rate +Inf: must be more than 0`},
	"rate NaN": {func(c *tracer.Config) { c.Sampler.Rate = math.NaN() },
		`-sample-rate NaN: must be more than 0`},
	"operation twice": {func(c *tracer.Config) { c.Sampler.Operations = "a=1,b=1, a=never" },
		`-sample-operations "a=never": must be the only entry for its operation`},
	"prefix twice": {func(c *tracer.Config) { c.Sampler.Operations = "a*=1,a=1,a*=2/s" },
		`-sample-operations "a*=2/s": must be the only entry for its operation`},
	"no rate": {func(c *tracer.Config) { c.Sampler.Operations = "a=0/s" },
		`-sample-operations "a=0/s": ` + mustBeRule},
	"no sampler": {func(c *tracer.Config) { c.Sampler.Operations = "a" },
		`-sample-operations "a": ` + mustBeRule},
	"no operation": {func(c *tracer.Config) { c.Sampler.Operations = "a=1,=1" },
		`-sample-operations "=1": ` + mustBeRule},
	"share of an operation": {func(c *tracer.Config) { c.Sampler.Operations = "a=1.1" },
		`-sample-operations "a=1.1": ` + mustBeRule},
	"negative share of an operation": {func(c *tracer.Config) { c.Sampler.Operations = "a=-0.1" },
		`-sample-operations "a=-0.1": ` + mustBeRule},
	"share NaN of an operation": {func(c *tracer.Config) { c.Sampler.Operations = "a=NaN" },
		`-sample-operations "a=NaN": ` + mustBeRule},
	"infinite rate of an operation": {func(c *tracer.Config) { c.Sampler.Operations = "a=Inf/s" },
		`-sample-operations "a=Inf/s": ` + mustBeRule},
	"bits": {func(c *tracer.Config) { c.TraceIDBits = 96 }, `-trace-id-bits 96: must be 128 or 64`},
	"flush": {func(c *tracer.Config) { c.FlushTimeout = 0 },
		`-flush-timeout 0s: must be more than 0`},
	"flush negative": {func(c *tracer.Config) { c.FlushTimeout = -1 },
		`-flush-timeout -1ns: must be more than 0`},
	"format": {func(c *tracer.Config) { c.Propagation.Inject = "b4" },
		`-propagation "b4": must be a list of b3, b3multi, jaeger, none, w3c`},
	"no format": {func(c *tracer.Config) { c.Propagation.Inject = " " },
		`-propagation " ": must be a list of b3, b3multi, jaeger, none, w3c`},
	"format twice": {func(c *tracer.Config) { c.Propagation.Inject = "b3,w3c,b3" },
		`-propagation "b3,w3c,b3": must not list b3 twice`},
	"none and more": {func(c *tracer.Config) { c.Propagation.Inject = "none,b3" },
		`-propagation "none,b3": must not list none with others`},
	"url": {func(c *tracer.Config) { c.Zipkin.URL = "localhost:9411" },
		`-zipkin-url "localhost:9411": ` + mustBeURL},
	"no URL": {func(c *tracer.Config) { c.Zipkin.URL = "::" }, `-zipkin-url "::": ` + mustBeURL},
	"port 0 in a URL": {func(c *tracer.Config) { c.Zipkin.URL = "http://h:0/" },
		`-zipkin-url "http://h:0/": ` + mustBeURL},
	"port above 65535 in a URL": {func(c *tracer.Config) { c.Zipkin.URL = "http://h:65536/" },
		`-zipkin-url "http://h:65536/": ` + mustBeURL},
	"no host in a URL": {func(c *tracer.Config) { c.Zipkin.URL = "http://:9411/" },
		`-zipkin-url "http://:9411/": ` + mustBeURL},
	"secret in a URL": {func(c *tracer.Config) { c.Zipkin.URL = "ftp://u:s3cret@host" },
		`-zipkin-url "ftp://xxxxx@host": ` + mustBeURL},
	"secret in no URL": {func(c *tracer.Config) { c.Zipkin.URL = "://u:s3cret@host" },
		`-zipkin-url "xxxxx": ` + mustBeURL},
	"zipkin format": {func(c *tracer.Config) { c.Zipkin.Format = "xml" },
		`-zipkin-format "xml": must be proto or json`},
	"transport": {func(c *tracer.Config) { c.Zipkin.Transport = "mail" },
		`-zipkin-transport "mail": must be one of http`},
	"transport that is not linked": {func(c *tracer.Config) { c.Zipkin.Transport = "kafka" },
		`-zipkin-transport "kafka": must be one of http ` +
			`(kafka is not linked: import bookservice/tracer/kafka)`},
	"no key": {func(c *tracer.Config) { c.Zipkin.Cert = "x" },
		`-zipkin-key "": must be set if -zipkin-cert is set`},
	"no certificate": {func(c *tracer.Config) { c.Zipkin.Key = "x" },
		`-zipkin-cert "": must be set if -zipkin-key is set`},
	"password": {func(c *tracer.Config) { c.Zipkin.Password = "s3cret" },
		`-zipkin-password: must be empty unless -zipkin-user is set`},
	"user and token": {func(c *tracer.Config) { c.Zipkin.User, c.Zipkin.Token = "a", "s3cret" },
		`-zipkin-token: must be empty if -zipkin-user is set`},
	"no header": {func(c *tracer.Config) { c.Zipkin.Headers = "s3cret" },
		`-zipkin-headers: must be name=value pairs with percent-encoded values; pair 1 is not`},
	"bad header": {func(c *tracer.Config) { c.Zipkin.Headers = "a=b,a b=s3cret" },
		`-zipkin-headers: must have names and values that HTTP allows; pair 2 has not`},
	"header of the connection": {func(c *tracer.Config) { c.Zipkin.Headers = "Host=s3cret" },
		`-zipkin-headers: must have no header that belongs to the connection; pair 1 has`},
	"bad token": {func(c *tracer.Config) { c.Zipkin.Token = "s3cret\n1" },
		`-zipkin-token: must have no control characters`},
	"user with a colon": {func(c *tracer.Config) { c.Zipkin.User = "ann:s3cret" },
		`-zipkin-user: must have no colon`},
	"time-out": {func(c *tracer.Config) { c.Zipkin.Timeout = 99 * time.Millisecond },
		`-zipkin-timeout 99ms: must be 100ms or more`},
	"queue": {func(c *tracer.Config) { c.Delivery.QueueBytes = 1<<20 - 1 },
		`-queue-bytes 1048575: must be 1048576 or more`},
	"no senders": {func(c *tracer.Config) { c.Delivery.Senders = 0 },
		`-senders 0: must be 1 to 64`},
	"senders": {func(c *tracer.Config) { c.Delivery.Senders = 65 },
		`-senders 65: must be 1 to 64`},
	"spool": {func(c *tracer.Config) { c.Delivery.SpoolBytes = 1<<20 - 1 },
		`-spool-bytes 1048575: must be 1048576 or more`},
	"spool sync": {func(c *tracer.Config) { c.Delivery.SpoolSync = time.Millisecond - 1 },
		`-spool-sync 999.999µs: must be 1ms or more`},
	"file size": {func(c *tracer.Config) { c.File.MaxBytes = 1<<20 - 1 },
		`-file-max-bytes 1048575: must be 1048576 or more`},
	"file keep": {func(c *tracer.Config) { c.File.Keep = -1 }, `-file-keep -1: must be 0 or more`},
	"file, no limit": {func(c *tracer.Config) { c.File.MaxBytes = 0 },
		`-file-max-bytes 0: must be 1048576 or more`},
	"baggage items": {func(c *tracer.Config) { c.Propagation.BaggageMaxItems = 1025 },
		`-baggage-max-items 1025: must be 0 to 1024`},
	"baggage bytes": {func(c *tracer.Config) { c.Propagation.BaggageMaxBytes = -1 },
		`-baggage-max-bytes -1: must be 0 to 65536`},
	"baggage keys": {func(c *tracer.Config) { c.Propagation.BaggageAllow = "a b" },
		`-baggage-allow "a b": must consist of ` + "letters, digits and !#$%&'*+-.^_`|~"},
	"baggage tags": {func(c *tracer.Config) { c.Propagation.BaggageTags = "a b" },
		`-baggage-tags "a b": must consist of ` + "letters, digits and !#$%&'*+-.^_`|~"},
	"address": {func(c *tracer.Config) { c.Address = "http://h:1" },
		`tracer: address "http://h:1": must be host:port, host or :port`},
}

const (
	mustBeRule = `must be operation=always, =never, =0.1 (a share, 0 to 1) ` +
		`or =10/s (traces a second)`
	mustBeURL = `must be like http://127.0.0.1:9411/api/v2/spans`
)

// TestEverySettingIsChecked checks invalid settings, whether or not their backend is selected.
func TestEverySettingIsChecked(t *testing.T) {
	for name, test := range settingTests {
		for _, backend := range []string{"zipkin", "memory", "noop"} {
			t.Run(name+" "+backend, func(t *testing.T) {
				c := config(backend)
				test.change(&c)
				if err := c.Validate(); err == nil || err.Error() != test.want {
					t.Errorf("Validate: have %v, want %s", err, test.want)
				}
				if backend == "noop" {
					return
				}
				_, _, err := tracer.Open(t.Context(), c)
				if err == nil || err.Error() != test.want {
					t.Errorf("Open: have %v, want %s", err, test.want)
				}
			})
		}
	}
}

// TestLimitsOfSettingsAreInclusive checks the smallest and the largest valid values.
func TestLimitsOfSettingsAreInclusive(t *testing.T) {
	smallest, largest := config("log"), config("log")
	smallest.Sample, smallest.FlushTimeout = 0, 1
	smallest.Sampler.Rate = math.SmallestNonzeroFloat64
	smallest.Delivery = tracer.DeliveryConfig{
		QueueBytes: 1 << 20, Senders: 1, SpoolBytes: 1 << 20, SpoolSync: time.Millisecond,
	}
	smallest.File.MaxBytes, smallest.File.Keep = 1<<20, 0
	smallest.Zipkin.Timeout = 100 * time.Millisecond
	smallest.Propagation.BaggageMaxItems, smallest.Propagation.BaggageMaxBytes = 0, 0
	smallest.Sampler.Operations, smallest.Zipkin.URL = "a=0,b=0.1/s", "http://h:1"
	largest.Sample, largest.Sampler.Rate, largest.Delivery.Senders = 1, math.MaxFloat64, 64
	largest.Propagation.BaggageMaxItems, largest.Propagation.BaggageMaxBytes = 1024, 1<<16
	largest.Sampler.Operations, largest.Zipkin.URL = "a=1,b=1e9/s,*=always", "http://h:65535"
	for name, c := range map[string]tracer.Config{
		"defaults": tracer.DefaultConfig(), "smallest": smallest, "largest": largest,
	} {
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSettingErrorsHaveOneForm checks the text and the method Setting of errors about flags.
func TestSettingErrorsHaveOneForm(t *testing.T) {
	form := regexp.MustCompile(`^-books-([a-z-]+)( "[^"]*"| [^ ":]+)?: must [^\n]+$`)
	for name, test := range settingTests {
		if strings.HasPrefix(test.want, "tracer: address") {
			continue // has no flag
		}
		c := config("zipkin")
		fs := flag.NewFlagSet("host", flag.ContinueOnError)
		if err := c.RegisterFlags(fs, "books-"); err != nil {
			t.Fatal(err)
		}
		test.change(&c)
		err := c.Validate()
		match := form.FindStringSubmatch(fmt.Sprint(err))
		if match == nil {
			t.Errorf("%s: have %v, want -flag value: must be …", name, err)
			continue
		}
		var setting interface{ Setting() string }
		if !errors.As(err, &setting) || setting.Setting() != "books-"+match[1] ||
			fs.Lookup(setting.Setting()) == nil {
			t.Errorf("%s: have %v, want a method Setting that returns the flag", name, err)
		}
	}
}

// TestOnlySelectedBackendsRequireSettings leaves settings empty.
func TestOnlySelectedBackendsRequireSettings(t *testing.T) {
	const mustBeBackend = `must be one of file, log, memory, noop, zipkin`
	for name, test := range map[string]struct {
		backend string
		change  func(*tracer.Config)
		want    string
	}{
		"unknown": {"zipkn", nil, `-tracer "zipkn": ` + mustBeBackend},
		"empty":   {"", nil, `-tracer "": ` + mustBeBackend},
		"not linked": {"log,otlp", nil, `-tracer "log,otlp": ` + mustBeBackend + ` ` +
			`(otlp is not linked: import bookservice/tracer/otlp)`},
		"noop and more": {"noop,log", nil, `-tracer "noop,log": must not list noop with others`},
		"twice":         {"log,log", nil, `-tracer "log,log": must not list log twice`},
		"no name": {"zipkin", func(c *tracer.Config) { c.ServiceName = "" },
			`-service-name "": must not be empty for -tracer zipkin`},
		"no file": {"file", nil, `-file-path "": must not be empty for -tracer file`},
		"no URL": {"zipkin", func(c *tracer.Config) { c.Zipkin.URL = "" },
			`-zipkin-url "": ` + mustBeURL},
		"no URL for another backend":  {"log", func(c *tracer.Config) { c.Zipkin.URL = "" }, ""},
		"no file for another backend": {"log", func(c *tracer.Config) { c.File.Path = "" }, ""},
		"no name for noop":            {"noop", func(c *tracer.Config) { c.ServiceName = "" }, ""},
		"white space":                 {" log , memory ", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := config(test.backend)
			if test.change != nil {
				test.change(&c)
			}
			have := ""
			if err := c.Validate(); err != nil {
				have = err.Error()
			}
			if have != test.want {
				t.Errorf("have %s, want %s", have, test.want)
			}
		})
	}
}

// TestTraceURL derives the address of Zipkin's web page from the address for posts.
func TestTraceURL(t *testing.T) {
	for url, want := range map[string]string{
		"http://127.0.0.1:9411/api/v2/spans":           "http://127.0.0.1:9411/zipkin/traces/7",
		"https://u:p@z.example/zipkin/api/v2/spans":    "https://z.example/zipkin/traces/7",
		"https://z.example/tracing/api/v2/spans?key=x": "https://z.example/tracing/zipkin/traces/7",
		"https://z.example/other":                      "https://z.example/other/zipkin/traces/7",
		"http://[::":                                   "",
	} {
		for backend, want := range map[string]string{
			"zipkin": want, "log, zipkin": want, "log": "", "noop": "",
		} {
			c := config(backend)
			c.Zipkin.URL = url
			if have := c.TraceURL("7"); have != want {
				t.Errorf("%s to %s: have %q, want %q", backend, url, have, want)
			}
		}
	}
}

// TestEverySettingHasAFlag changes every flag. Every exported field of the Config must have changed
// except those that have no flag.
func TestEverySettingHasAFlag(t *testing.T) {
	c := tracer.DefaultConfig()
	fs := flag.NewFlagSet("host", flag.ContinueOnError)
	if err := c.RegisterFlags(fs, ""); err != nil {
		t.Fatal(err)
	}
	fs.VisitAll(func(f *flag.Flag) {
		var err error
		for _, value := range []string{"17", "17s", strconv.FormatBool(f.DefValue != "true")} {
			if err = f.Value.Set(value); err == nil {
				break
			}
		}
		if err != nil {
			t.Errorf("-%s: %v", f.Name, err)
		}
		if f.Usage == "" {
			t.Errorf("-%s: have no usage", f.Name)
		}
	})
	without := map[string]bool{"Address": true, "Resource": true}
	checkChanged(t, reflect.ValueOf(tracer.DefaultConfig()), reflect.ValueOf(c), "", without)
}

// checkChanged checks that all exported fields differ, except those in without.
func checkChanged(t *testing.T, before, after reflect.Value, path string, without map[string]bool) {
	t.Helper()
	for i := range before.NumField() {
		field := before.Type().Field(i)
		name := strings.TrimPrefix(path+"."+field.Name, ".")
		switch {
		case !field.IsExported():
		case field.Type.Kind() == reflect.Struct:
			checkChanged(t, before.Field(i), after.Field(i), name, without)
		default:
			same := reflect.DeepEqual(before.Field(i).Interface(), after.Field(i).Interface())
			if same != without[name] {
				t.Errorf("%s: have a flag: %v, want %v", name, !same, !without[name])
			}
		}
	}
}

// TestFlagsHaveThePrefix defines the flags with a prefix. Errors and usage texts have it too.
func TestFlagsHaveThePrefix(t *testing.T) {
	c := tracer.DefaultConfig()
	fs := flag.NewFlagSet("host", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.String("tracer", "", "a flag of the host")
	if err := c.RegisterFlags(fs, "books-"); err != nil {
		t.Fatal(err)
	}
	err := fs.Parse([]string{
		"-books-tracer", "zipkin", "-books-zipkin-url", "http://z:1/", "-tracer", "x",
	})
	if err != nil || c.Backend != "zipkin" || c.Zipkin.URL != "http://z:1/" {
		t.Errorf("have %v, backend %s, URL %s", err, c.Backend, c.Zipkin.URL)
	}
	const want = `-books-service-name "": must not be empty for -books-tracer zipkin`
	if err := c.Validate(); err == nil || err.Error() != want {
		t.Errorf("have %v, want %s", err, want)
	}
	own := regexp.MustCompile(`(^|[ (])-(tracer|sampler|zipkin-[a-z]+|service-[a-z]+)`)
	fs.VisitAll(func(f *flag.Flag) {
		if f.Name != "tracer" && !strings.HasPrefix(f.Name, "books-") {
			t.Errorf("have flag -%s without the prefix", f.Name)
		}
		if own.MatchString(f.Usage) {
			t.Errorf("-%s: the usage %q mentions a flag without the prefix", f.Name, f.Usage)
		}
	})
	if usage := fs.Lookup("books-file-path").Usage; !strings.Contains(usage, "-books-tracer file") {
		t.Errorf("-books-file-path: have usage %q, want -books-tracer in it", usage)
	}
}

// TestFlagThatIsDefinedAlready defines flags that the host has. None is defined then.
func TestFlagThatIsDefinedAlready(t *testing.T) {
	for _, name := range []string{"tracer", "zipkin-url", "file-keep"} {
		fs := flag.NewFlagSet("host", flag.ContinueOnError)
		fs.String(name, "", "a flag of the host")
		c := tracer.DefaultConfig()
		want := "tracer: flag -" + name + " is defined already"
		if err := c.RegisterFlags(fs, ""); err == nil || err.Error() != want {
			t.Errorf("have %v, want %s", err, want)
		}
		n := 0
		fs.VisitAll(func(*flag.Flag) { n++ })
		if n != 1 {
			t.Errorf("have %d flags, want only the host's", n)
		}
	}
}

// TestFlagsOfTwoBackendsThatCollide registers a third party's flag that a backend has.
func TestFlagsOfTwoBackendsThatCollide(t *testing.T) {
	theirs := tracer.WithBackend(tracer.Backend{
		Name: "theirs",
		RegisterFlags: func(fs *flag.FlagSet, prefix string) error {
			fs.String(prefix+"file-path", "", "theirs")
			return nil
		},
	})
	c := tracer.DefaultConfig()
	const want = "tracer: flag -books-file-path is defined already"
	err := c.RegisterFlags(flag.NewFlagSet("host", flag.ContinueOnError), "books-", theirs)
	if err == nil || err.Error() != want {
		t.Errorf("have %v, want %s", err, want)
	}
}

// TestFlagsHideSecrets looks for secrets in the output of package flag.
func TestFlagsHideSecrets(t *testing.T) {
	const secret = "s3cret"
	c := tracer.DefaultConfig()
	c.Zipkin.URL = "http://u:" + secret + "@h/?key=" + secret
	c.Zipkin.Password, c.Zipkin.Token, c.Zipkin.Headers = secret, secret, "a="+secret
	fs := flag.NewFlagSet("host", flag.ContinueOnError)
	var out strings.Builder
	fs.SetOutput(&out)
	if err := c.RegisterFlags(fs, ""); err != nil {
		t.Fatal(err)
	}
	fs.PrintDefaults()
	const malformed = "http://u:%" + secret + "@h"
	_ = fs.Parse([]string{
		"-zipkin-password", secret, "-zipkin-token=" + secret, "-zipkin-url", malformed, "-unknown",
	})
	fs.VisitAll(func(f *flag.Flag) { out.WriteString(f.Value.String() + f.DefValue) })
	if strings.Contains(out.String(), secret) {
		t.Errorf("the secret is in %s", out.String())
	}
	if c.Zipkin.Password != secret || c.Zipkin.Token != secret || c.Zipkin.URL != malformed {
		t.Errorf("have %+v, want the values that were set", c.Zipkin)
	}
}
