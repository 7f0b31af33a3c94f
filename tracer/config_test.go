package tracer_test

import (
	"context"
	"flag"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"

	"bookservice/tracer"
)

// settingTests has an invalid value of each setting that a user can get wrong.
var settingTests = map[string]struct {
	change func(*tracer.Config)
	want   string
}{
	"sample":          {func(c *tracer.Config) { c.Sample = 1.5 }, `-sample 1.5: must be 0 to 1`},
	"sample negative": {func(c *tracer.Config) { c.Sample = -0.1 }, `-sample -0.1: must be 0 to 1`},
	"sample NaN":      {func(c *tracer.Config) { c.Sample = math.NaN() }, `-sample NaN: must be 0 to 1`},
	"sampler": {func(c *tracer.Config) { c.Sampler.Kind = "some" },
		`-sampler "some": must be one of always, never, parent, probability, ratelimited`},
	"rate":          {func(c *tracer.Config) { c.Sampler.Rate = 0 }, `-sample-rate 0: must be above 0`},
	"infinite rate": {func(c *tracer.Config) { c.Sampler.Rate = math.Inf(1) }, `-sample-rate +Inf: must be above 0`},
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
	"share": {func(c *tracer.Config) { c.Sampler.Operations = "a=1.1" },
		`-sample-operations "a=1.1": ` + mustBeRule},
	"bits":  {func(c *tracer.Config) { c.TraceIDBits = 96 }, `-trace-id-bits 96: must be 128 or 64`},
	"flush": {func(c *tracer.Config) { c.FlushTimeout = 0 }, `-flush-timeout 0s: must be above 0s`},
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
	"no url":          {func(c *tracer.Config) { c.Zipkin.URL = "::" }, `-zipkin-url "::": ` + mustBeURL},
	"port of the url": {func(c *tracer.Config) { c.Zipkin.URL = "http://h:0/" }, `-zipkin-url "http://h:0/": ` + mustBeURL},
	"secret in a URL": {func(c *tracer.Config) { c.Zipkin.URL = "ftp://u:s3cret@host" },
		`-zipkin-url "ftp://xxxxx@host": ` + mustBeURL},
	"secret in no URL": {func(c *tracer.Config) { c.Zipkin.URL = "://u:s3cret@host" },
		`-zipkin-url "xxxxx": ` + mustBeURL},
	"zipkin format": {func(c *tracer.Config) { c.Zipkin.Format = "xml" },
		`-zipkin-format "xml": must be proto or json`},
	"transport": {func(c *tracer.Config) { c.Zipkin.Transport = "pigeon" },
		`-zipkin-transport "pigeon": must be one of http`},
	"transport that is not linked": {func(c *tracer.Config) { c.Zipkin.Transport = "kafka" },
		`-zipkin-transport "kafka": must be one of http (kafka is not linked: import bookservice/tracer/kafka)`},
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
	"queue":      {func(c *tracer.Config) { c.Delivery.QueueBytes = 1 }, `-queue-bytes 1: must be 1048576 or more`},
	"no senders": {func(c *tracer.Config) { c.Delivery.Senders = 0 }, `-senders 0: must be 1 to 64`},
	"senders":    {func(c *tracer.Config) { c.Delivery.Senders = 65 }, `-senders 65: must be 1 to 64`},
	"spool":      {func(c *tracer.Config) { c.Delivery.SpoolBytes = 1 }, `-spool-bytes 1: must be 1048576 or more`},
	"spool sync": {func(c *tracer.Config) { c.Delivery.SpoolSync = time.Microsecond },
		`-spool-sync 1µs: must be 1ms or more`},
	"file size": {func(c *tracer.Config) { c.File.MaxBytes = 1<<20 - 1 },
		`-file-max-bytes 1048575: must be 1048576 or more`},
	"file keep": {func(c *tracer.Config) { c.File.Keep = -1 }, `-file-keep -1: must be 0 or more`},
	"address": {func(c *tracer.Config) { c.Address = "http://h:1" },
		`tracer: address "http://h:1": must be host:port, host or :port`},
	"port of the address": {func(c *tracer.Config) { c.Address = "h:65536" },
		`tracer: address "h:65536": must be host:port, host or :port`},
}

const (
	mustBeRule = `must be operation=always, =never, =0.1 (a share, 0 to 1) or =10/s (traces a second)`
	mustBeURL  = `must be like http://127.0.0.1:9411/api/v2/spans`
)

// TestValidate checks every setting, whether or not its backend is selected.
func TestValidate(t *testing.T) {
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
				_, _, err := tracer.Open(context.Background(), c)
				if err == nil || err.Error() != test.want {
					t.Errorf("Open: have %v, want %s", err, test.want)
				}
			})
		}
	}
	if err := tracer.DefaultConfig().Validate(); err != nil {
		t.Errorf("defaults: %v", err)
	}
}

// TestValidateSelected checks the settings that only the selected backends require.
func TestValidateSelected(t *testing.T) {
	for name, test := range map[string]struct {
		backend string
		change  func(*tracer.Config)
		want    string
	}{
		"unknown": {"zipkn", nil, `-tracer "zipkn": must be one of file, log, memory, noop, zipkin`},
		"empty":   {"", nil, `-tracer "": must be one of file, log, memory, noop, zipkin`},
		"not linked": {"log,otlp", nil, `-tracer "log,otlp": must be one of file, log, memory, noop, zipkin ` +
			`(otlp is not linked: import bookservice/tracer/otlp)`},
		"noop and more": {"noop,log", nil, `-tracer "noop,log": must not list noop with others`},
		"twice":         {"log,log", nil, `-tracer "log,log": must not list log twice`},
		"no name": {"zipkin", func(c *tracer.Config) { c.ServiceName = "" },
			`-service-name "": must not be empty for -tracer zipkin`},
		"no file": {"file", nil, `-file-path "": must not be empty for -tracer file`},
		"no URL": {"zipkin", func(c *tracer.Config) { c.Zipkin.URL = "" },
			`-zipkin-url "": ` + mustBeURL},
		"no URL for another backend": {"log", func(c *tracer.Config) { c.Zipkin.URL = "" }, ""},
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

// TestNoopNeedsNoOtherSetting opens noop from an otherwise empty Config.
func TestNoopNeedsNoOtherSetting(t *testing.T) {
	tr, closer, err := tracer.Open(t.Context(), tracer.Config{Backend: "noop"})
	if err != nil || tr != (opentracing.NoopTracer{}) || closer.Close() != nil {
		t.Errorf("have %T, %v", tr, err)
	}
}

func TestNoopIsOpenTracingsOwn(t *testing.T) {
	tr, closer, err := tracer.Open(context.Background(), tracer.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	if tr != (opentracing.NoopTracer{}) {
		t.Errorf("have %T, want opentracing.NoopTracer", tr)
	}
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
}

func TestTraceURL(t *testing.T) {
	for url, want := range map[string]string{
		"http://127.0.0.1:9411/api/v2/spans":        "http://127.0.0.1:9411/zipkin/traces/7",
		"https://u:p@z.example/zipkin/api/v2/spans": "https://z.example/zipkin/traces/7",
	} {
		c := config("zipkin")
		c.Zipkin.URL = url
		if have := c.TraceURL("7"); have != want {
			t.Errorf("have %s, want %s", have, want)
		}
	}
	if have := config("log").TraceURL("7"); have != "" {
		t.Errorf("have %s, want none", have)
	}
}

// TestRegisterFlags defines the flags with a prefix, which flags and errors then have.
func TestRegisterFlags(t *testing.T) {
	c := tracer.DefaultConfig()
	fs := flag.NewFlagSet("host", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.String("tracer", "", "a flag of the host")
	if err := c.RegisterFlags(fs, "books-"); err != nil {
		t.Fatal(err)
	}
	err := fs.Parse([]string{"-books-tracer", "zipkin", "-books-zipkin-url", "http://z:1/", "-tracer", "x"})
	if err != nil || c.Backend != "zipkin" || c.Zipkin.URL != "http://z:1/" {
		t.Errorf("have %v, backend %s, URL %s", err, c.Backend, c.Zipkin.URL)
	}
	const want = `-books-service-name "": must not be empty for -books-tracer zipkin`
	if err := c.Validate(); err == nil || err.Error() != want {
		t.Errorf("have %v, want %s", err, want)
	}
	fs.VisitAll(func(f *flag.Flag) {
		if strings.Contains(f.Usage, "-sampler") && !strings.Contains(f.Usage, "-books-sampler") {
			t.Errorf("-%s: the usage %q mentions a flag without the prefix", f.Name, f.Usage)
		}
	})
}

// TestRegisterFlagsTwice defines flags that the host has already.
func TestRegisterFlagsTwice(t *testing.T) {
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

// TestFlagsHideSecrets looks for secrets in what package flag prints.
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
	_ = fs.Parse([]string{"-zipkin-password", secret, "-zipkin-token=" + secret, "-zipkin-url", "http://u:%" + secret + "@h", "-unknown"})
	fs.VisitAll(func(f *flag.Flag) { out.WriteString(f.Value.String() + f.DefValue) })
	if strings.Contains(out.String(), secret) {
		t.Errorf("the secret is in %s", out.String())
	}
	if c.Zipkin.Password != secret || c.Zipkin.Token != secret || c.Zipkin.URL != "http://u:%"+secret+"@h" {
		t.Errorf("have %+v, want the values that were set", c.Zipkin)
	}
}
