package tracer_test

import (
	"context"
	"math"
	"testing"

	"github.com/opentracing/opentracing-go"

	"bookservice/tracer"
)

func TestValidate(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*tracer.Config)
		want   string
	}{
		"unknown backend": {func(c *tracer.Config) { c.Backend = "zipkn" }, `tracer: unknown backend "zipkn" (have file, log, memory, noop, otlp, zipkin)`},
		"noop and more":   {func(c *tracer.Config) { c.Backend = "noop,log" }, `tracer: backend "noop,log": noop stands alone`},
		"no name":         {func(c *tracer.Config) { c.ServiceName = "" }, "tracer: service-name is empty: backend zipkin needs one"},
		"sample":          {func(c *tracer.Config) { c.Sample = 1.5 }, "tracer: sample 1.5: must be 0 to 1"},
		"sample NaN":      {func(c *tracer.Config) { c.Sample = math.NaN() }, "tracer: sample NaN: must be 0 to 1"},
		"sampler":         {func(c *tracer.Config) { c.Sampler.Kind = "some" }, `tracer: sampler "some": must be always, never, probability, ratelimited or parent`},
		"rate":            {func(c *tracer.Config) { c.Sampler.Rate = 0 }, "tracer: sample-rate 0: must be more than 0"},
		"operation twice": {func(c *tracer.Config) { c.Sampler.Operations = "a=1,b=1, a=never" }, `tracer: sample-operations: entry "a=never": a has a sampler already: must be there once`},
		"prefix twice":    {func(c *tracer.Config) { c.Sampler.Operations = "a*=1,a=1,a*=2/s" }, `tracer: sample-operations: entry "a*=2/s": a* has a sampler already: must be there once`},
		"no rate":         {func(c *tracer.Config) { c.Sampler.Operations = "a=0/s" }, `tracer: sample-operations: entry "a=0/s": must be operation=always, =never, =0.1 (a share, 0 to 1) or =10/s (traces a second)`},
		"no sampler":      {func(c *tracer.Config) { c.Sampler.Operations = "a" }, `tracer: sample-operations: entry "a": must be operation=always, =never, =0.1 (a share, 0 to 1) or =10/s (traces a second)`},
		"no name before=": {func(c *tracer.Config) { c.Sampler.Operations = "a=1,=1" }, `tracer: sample-operations: entry "=1": must be operation=always, =never, =0.1 (a share, 0 to 1) or =10/s (traces a second)`},
		"share":           {func(c *tracer.Config) { c.Sampler.Operations = "a=1.1" }, `tracer: sample-operations: entry "a=1.1": must be operation=always, =never, =0.1 (a share, 0 to 1) or =10/s (traces a second)`},
		"bits":            {func(c *tracer.Config) { c.TraceIDBits = 96 }, "tracer: trace-id-bits 96: must be 128 or 64"},
		"flush":           {func(c *tracer.Config) { c.FlushTimeout = 0 }, "tracer: flush-timeout 0s: must be more than 0"},
		"url": {func(c *tracer.Config) { c.Zipkin.URL = "localhost:9411" },
			`tracer: zipkin-url "localhost:9411": must be like http://127.0.0.1:9411/api/v2/spans`},
		"secret in a URL": {func(c *tracer.Config) { c.Zipkin.URL = "ftp://u:s3cret@host" },
			`tracer: zipkin-url "ftp://u:xxxxx@host": must be like http://127.0.0.1:9411/api/v2/spans`},
		"secret in no URL": {func(c *tracer.Config) { c.Zipkin.URL = "://u:s3cret@host" },
			`tracer: zipkin-url "…host": must be like http://127.0.0.1:9411/api/v2/spans`},
	} {
		t.Run(name, func(t *testing.T) {
			c := config("zipkin")
			test.change(&c)
			if _, _, err := tracer.Open(context.Background(), c); err == nil || err.Error() != test.want {
				t.Errorf("have %v, want %s", err, test.want)
			}
		})
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
