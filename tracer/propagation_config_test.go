package tracer_test

import (
	"flag"
	"testing"

	"bookservice/tracer"
)

// TestPropagationFlags sets the flags about propagation.
func TestPropagationFlags(t *testing.T) {
	const (
		mustBeFormats = "must be a list of b3, b3multi, jaeger, none, w3c"
		mustBeKey     = "must consist of letters, digits and !#$%&'*+-.^_`|~"
	)
	for name, test := range map[string]struct {
		args []string
		want string // the error
	}{
		"defaults": {nil, ""},
		"all":      {[]string{"-propagation", "b3, b3multi ,w3c,jaeger"}, ""},
		"none":     {[]string{"-propagation", "none"}, ""},
		"unknown": {[]string{"-propagation", "w3c,b4"},
			`-propagation "w3c,b4": ` + mustBeFormats},
		"empty entry": {[]string{"-propagation", "w3c,"}, `-propagation "w3c,": ` + mustBeFormats},
		"empty":       {[]string{"-propagation", ""}, `-propagation "": ` + mustBeFormats},
		"twice": {[]string{"-propagation", "b3,w3c,b3"},
			`-propagation "b3,w3c,b3": must not list b3 twice`},
		"none and another": {[]string{"-propagation", "none,b3"},
			`-propagation "none,b3": must not list none with others`},
		"keys": {[]string{"-baggage-allow", "user, tenant", "-baggage-tags", "user"}, ""},
		"malformed key": {[]string{"-baggage-allow", "user,a b"},
			`-baggage-allow "a b": ` + mustBeKey},
		"malformed tag": {[]string{"-baggage-tags", "ä"}, `-baggage-tags "ä": ` + mustBeKey},
		"no items":      {[]string{"-baggage-max-items", "0", "-baggage-max-bytes", "0"}, ""},
		"negative": {[]string{"-baggage-max-items", "-1"},
			"-baggage-max-items -1: must be 0 to 1024"},
		"too many bytes": {[]string{"-baggage-max-bytes", "65537"},
			"-baggage-max-bytes 65537: must be 0 to 65536"},
	} {
		t.Run(name, func(t *testing.T) {
			c := config("memory")
			fs := flag.NewFlagSet("x", flag.ContinueOnError)
			if err := c.RegisterFlags(fs, ""); err != nil {
				t.Fatal(err)
			}
			if err := fs.Parse(test.args); err != nil {
				t.Fatal(err)
			}
			have := ""
			if err := c.Validate(); err != nil {
				have = err.Error()
			}
			if have != test.want {
				t.Errorf("have %q\nwant %q", have, test.want)
			}
		})
	}
	if have := tracer.DefaultConfig().Propagation.Inject; have != "w3c,b3multi" {
		t.Errorf("have default %q, want w3c,b3multi", have)
	}
}
