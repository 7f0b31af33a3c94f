package otlp_test

import (
	"flag"
	"strings"
	"testing"
	"time"

	"bookservice/tracer"
	"bookservice/tracer/otlp"
)

const mustBeMetadata = "must have names of letters, digits and -_. that are not gRPC's own, " +
	"and values of printable ASCII characters"

// TestSettings checks the errors about settings, whether or not the backend is selected.
func TestSettings(t *testing.T) {
	for _, test := range []struct {
		want   string
		change func(*otlp.Config)
	}{
		{`-otlp-protocol "udp": must be grpc or http/protobuf`,
			func(c *otlp.Config) { c.Protocol = "udp" }},
		{`-otlp-endpoint "here:0": must be like http://127.0.0.1:4317, collector:4317 or ` +
			`unix:///run/otlp.sock`,
			func(c *otlp.Config) { c.Endpoint = "here:0" }},
		{`-otlp-endpoint "here:4318": must be like http://127.0.0.1:4318`,
			func(c *otlp.Config) { c.Protocol, c.Endpoint = otlp.HTTP, "here:4318" }},
		{`-otlp-timeout 99ms: must be 100ms or more, or 0s`,
			func(c *otlp.Config) { c.Timeout = 99 * time.Millisecond }},
		{`-otlp-timeout -1s: must be 100ms or more, or 0s`,
			func(c *otlp.Config) { c.Timeout = -time.Second }},
		{`-otlp-endpoint "http://xxxxx@h:4317": must have no user: set headers for credentials`,
			func(c *otlp.Config) { c.Endpoint = "http://u:s3cret@h:4317" }},
		{`-otlp-headers: must be name=value pairs with percent-encoded values; pair 2 is not`,
			func(c *otlp.Config) { c.Headers = "a=b,secret" }},
		{`-otlp-headers: must have names and values that HTTP allows; pair 1 has not`,
			func(c *otlp.Config) { c.Headers = "a b=secret" }},
		{`-otlp-headers: must have names and values that HTTP allows; pair 2 has not`,
			func(c *otlp.Config) { c.Headers = "a=b,key=secret%0A" }},
		{`-otlp-headers: must be name=value pairs with percent-encoded values; pair 1 is not`,
			func(c *otlp.Config) { c.Headers = "=secret" }},
		{`-otlp-headers: must have no header that belongs to the connection; pair 1 has`,
			func(c *otlp.Config) { c.Headers = "Transfer-Encoding=chunked" }},
		{`-otlp-headers: ` + mustBeMetadata,
			func(c *otlp.Config) { c.Headers = "a!b=secret" }},
		{`-otlp-headers: ` + mustBeMetadata,
			func(c *otlp.Config) { c.Headers = "grpc-timeout=secret" }},
		{`-otlp-headers: ` + mustBeMetadata,
			func(c *otlp.Config) { c.Headers = "Content-Type=text" }},
		{`-otlp-headers: ` + mustBeMetadata,
			func(c *otlp.Config) { c.Headers = "key=s%C3%A9cret" }},
	} {
		for _, backend := range []string{"otlp", "noop"} {
			s := config(backend)
			test.change(&s.OTLP)
			if err := s.Validate(otlp.Backend(&s.OTLP)); err == nil || err.Error() != test.want {
				t.Errorf("%s: have %v, want %s", backend, err, test.want)
			}
		}
	}
}

// TestHeadersThatAreAllowed has headers that the protocol allows, of which gRPC allows less.
func TestHeadersThatAreAllowed(t *testing.T) {
	for _, protocol := range protocols {
		for headers, http := range map[string]bool{
			"": false, "Authorization=Bearer%20abc, x-tenant=1": false, "api_key.v1=a%2Cb": false,
			"trace-bin=%C3%A9": false, "key=": false, "key=a=b": false,
			"a!b=c": true, "grpc-timeout=1": true, "key=%C3%A9": true,
		} {
			if http && protocol == otlp.GRPC {
				continue
			}
			s := config("otlp")
			s.OTLP.Protocol, s.OTLP.Headers = protocol, headers
			if err := s.Validate(otlp.Backend(&s.OTLP)); err != nil {
				t.Errorf("%s: %q: have %v", protocol, headers, err)
			}
		}
	}
}

// TestFlags defines the flags, with and without a prefix, and parses them.
func TestFlags(t *testing.T) {
	for _, prefix := range []string{"", "books-"} {
		c := otlp.Config{Headers: "a=s3cret"}
		fs := flag.NewFlagSet("host", flag.ContinueOnError)
		var out strings.Builder
		fs.SetOutput(&out)
		if err := c.RegisterFlags(fs, prefix); err != nil {
			t.Fatal(err)
		}
		fs.PrintDefaults()
		err := fs.Parse([]string{
			"-" + prefix + "otlp-endpoint", "http://h?key=s3cret",
			"-" + prefix + "otlp-protocol", "udp",
		})
		if err != nil || c.Endpoint != "http://h?key=s3cret" || c.Protocol != "udp" {
			t.Errorf("have %v and %+v", err, c)
		}
		fs.VisitAll(func(f *flag.Flag) { out.WriteString(f.Value.String() + f.DefValue) })
		if strings.Contains(out.String(), "s3cret") {
			t.Errorf("the secret is in %s", out.String())
		}
		want := "-" + prefix + `otlp-protocol "udp": must be grpc or http/protobuf`
		err = config("noop").Validate(otlp.Backend(&c))
		if err == nil || err.Error() != want {
			t.Errorf("have %v, want %s", err, want)
		}
		want = "tracer: flag -" + prefix + "otlp-endpoint is defined already"
		if err := c.RegisterFlags(fs, prefix); err == nil || err.Error() != want {
			t.Errorf("have %v, want %s", err, want)
		}
	}
}

// TestBackendIsNamedOTLP checks the name in tracer.Config and in its usage text.
func TestBackendIsNamedOTLP(t *testing.T) {
	c, oc := tracer.DefaultConfig(), otlp.DefaultConfig()
	fs := flag.NewFlagSet("host", flag.ContinueOnError)
	if err := c.RegisterFlags(fs, "", otlp.Backend(&oc)); err != nil {
		t.Fatal(err)
	}
	const want = "file, log, memory, noop, otlp, zipkin"
	if have := fs.Lookup("tracer").Usage; !strings.Contains(have, want) || otlp.Name != "otlp" {
		t.Errorf("have name %q and usage %q, want %s", otlp.Name, have, want)
	}
}
