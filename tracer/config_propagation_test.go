package tracer_test

import (
	"flag"
	"testing"

	"bookservice/tracer"
)

func TestPropagationFlags(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want string // the error
	}{
		"defaults":         {nil, ""},
		"all":              {[]string{"-propagation", "b3, b3multi ,w3c,jaeger"}, ""},
		"none":             {[]string{"-propagation", "none"}, ""},
		"unknown":          {[]string{"-propagation", "w3c,b4"}, `tracer: propagation "w3c,b4": unknown format "b4" (have b3, b3multi, jaeger, none, w3c)`},
		"empty entry":      {[]string{"-propagation", "w3c,"}, `tracer: propagation "w3c,": unknown format "" (have b3, b3multi, jaeger, none, w3c)`},
		"empty":            {[]string{"-propagation", ""}, `tracer: propagation is empty (have b3, b3multi, jaeger, none, w3c)`},
		"twice":            {[]string{"-propagation", "b3,w3c,b3"}, `tracer: propagation "b3,w3c,b3": lists b3 twice`},
		"none and another": {[]string{"-propagation", "none,b3"}, `tracer: propagation "none,b3": none stands alone`},
		"keys":             {[]string{"-baggage-allow", "user, tenant", "-baggage-tags", "user"}, ""},
		"bad key":          {[]string{"-baggage-allow", "user,a b"}, "tracer: baggage-allow \"user,a b\": \"a b\" is no key: must be letters, digits and !#$%&'*+-.^_`|~"},
		"bad tag":          {[]string{"-baggage-tags", "ä"}, "tracer: baggage-tags \"ä\": \"ä\" is no key: must be letters, digits and !#$%&'*+-.^_`|~"},
		"no items":         {[]string{"-baggage-max-items", "0", "-baggage-max-bytes", "0"}, ""},
		"negative":         {[]string{"-baggage-max-items", "-1"}, "tracer: baggage-max-items -1: must be 0 to 1024"},
		"too many bytes":   {[]string{"-baggage-max-bytes", "65537"}, "tracer: baggage-max-bytes 65537: must be 0 to 65536"},
	} {
		t.Run(name, func(t *testing.T) {
			c := config("memory")
			fs := flag.NewFlagSet("x", flag.ContinueOnError)
			c.RegisterFlags(fs)
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
		t.Errorf("have default %q", have)
	}
}
