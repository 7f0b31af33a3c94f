package otlp_test

import (
	"flag"
	"strings"
	"testing"

	"bookservice/tracer"
	"bookservice/tracer/otlp"
)

// TestSettings checks the errors about settings, whether or not the backend is selected.
func TestSettings(t *testing.T) {
	for _, test := range []struct {
		want   string
		change func(*otlp.Config)
	}{
		{`-otlp-protocol "udp": must be grpc or http/protobuf`,
			func(c *otlp.Config) { c.Protocol = "udp" }},
		{`-otlp-endpoint "here:4317": must be like http://127.0.0.1:4317`,
			func(c *otlp.Config) { c.Endpoint = "here:4317" }},
		{`-otlp-endpoint "http://xxxxx@h:4317": must have no user: set headers for credentials`,
			func(c *otlp.Config) { c.Endpoint = "http://u:s3cret@h:4317" }},
		{`-otlp-headers: must be name=value pairs with percent-encoded values; pair 2 is not`,
			func(c *otlp.Config) { c.Headers = "a=b,secret" }},
		{`-otlp-headers: must have names and values that HTTP allows; pair 1 has not`,
			func(c *otlp.Config) { c.Headers = "a b=secret" }},
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
