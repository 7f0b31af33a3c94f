package discovery_test

import (
	"flag"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"bookservice/discovery"
	"bookservice/discovery/internal/testkit"
)

func newFlagSet() *flag.FlagSet {
	fs := flag.NewFlagSet("test", flag.ContinueOnError)
	fs.SetOutput(new(testkit.Buffer))
	return fs
}

func TestFlags(t *testing.T) {
	preset := discovery.Config{
		Kind: "static", Instances: []string{"c:3"}, TTL: time.Minute, Prefix: "/services/book/",
	}
	withDefaults := discovery.DefaultConfig()
	withDefaults.Kind, withDefaults.Instances = preset.Kind, preset.Instances
	withDefaults.TTL, withDefaults.Prefix = preset.TTL, preset.Prefix
	for _, test := range []struct {
		name   string
		before discovery.Config
		args   []string // PREFIX stands for the prefix of the flags
		want   discovery.Config
	}{
		{"none", discovery.Config{}, nil, discovery.DefaultConfig()},
		{"preset", preset, nil, withDefaults},
		{"all", discovery.Config{}, []string{
			"-PREFIXdiscovery", "static", "-PREFIXetcd", "a:1, b:2", "-PREFIXprefix", "/p/",
			"-PREFIXttl", "4s", "-PREFIXetcd-dial-timeout", "1s", "-PREFIXetcd-keepalive", "2s",
			"-PREFIXetcd-timeout", "3s", "-PREFIXinstances", "c:3,d:4",
			"-PREFIXregister", "background", "-PREFIXdiscovery-format", "auto",
			"-PREFIXsubset", "3",
			"-PREFIXetcd-ca", "ca", "-PREFIXetcd-cert", "cert", "-PREFIXetcd-key", "key",
			"-PREFIXetcd-user", "user", "-PREFIXetcd-password", "s3cret",
			"-PREFIXetcd-password-file", "file",
			"-PREFIXinstance-metadata", "zone=a, version=1",
		}, discovery.Config{
			Kind: "static", Etcd: []string{"a:1", "b:2"}, Prefix: "/p/", TTL: 4 * time.Second,
			DialTimeout: time.Second, DialKeepAlive: 2 * time.Second, Timeout: 3 * time.Second,
			Instances: []string{"c:3", "d:4"}, Register: discovery.RegisterBackground,
			Format: discovery.FormatAuto,
			CA:     "ca", Cert: "cert", Key: "key", User: "user", Password: "s3cret",
			PasswordFile: "file", Subset: 3,
			Metadata: map[string]string{"zone": "a", "version": "1"},
		}},
	} {
		for _, prefix := range []string{"", "books-"} {
			t.Run(test.name+" "+prefix, func(t *testing.T) {
				have := test.before
				fs := newFlagSet()
				if err := have.RegisterFlags(fs, prefix); err != nil {
					t.Fatal(err)
				}
				args := strings.ReplaceAll(strings.Join(test.args, "\n"), "PREFIX", prefix)
				if err := fs.Parse(strings.FieldsFunc(args, func(r rune) bool {
					return r == '\n'
				})); err != nil {
					t.Fatal(err)
				}
				diff := cmp.Diff(test.want, have, cmpopts.IgnoreUnexported(discovery.Config{}))
				if diff != "" {
					t.Errorf("have (+), want (-):\n%s", diff)
				}
			})
		}
	}
}

func TestDefaultPrefixIsNeutral(t *testing.T) {
	if have, want := discovery.DefaultConfig().Prefix, "/services/"; have != want {
		t.Errorf("have %s, want %s", have, want)
	}
}

func TestFlagPrefixIsInErrorsAndHelp(t *testing.T) {
	var c discovery.Config
	fs := newFlagSet()
	if err := c.RegisterFlags(fs, "books-"); err != nil {
		t.Fatal(err)
	}
	if err := fs.Parse([]string{"-books-ttl", "1s"}); err != nil {
		t.Fatal(err)
	}
	want := "-books-ttl 1s: must be 2s or more, in whole seconds"
	if have := validate(t, c, "books-ttl"); have != want {
		t.Errorf("have %s, want %s", have, want)
	}
	if err := fs.Parse([]string{"-books-discovery", ""}); err != nil {
		t.Fatal(err)
	}
	want = `-books-discovery "": must be one of etcd, static`
	if have := validate(t, c, "books-discovery"); have != want {
		t.Errorf("have %s, want %s", have, want)
	}
	usage := fs.Lookup("books-instances").Usage
	if want := "-books-discovery static"; !strings.Contains(usage, want) {
		t.Errorf("have the usage %q, want it to contain %s", usage, want)
	}
}

func TestRegisterFlagsRefusesConflicts(t *testing.T) {
	for _, test := range []struct{ defined, prefix, want string }{
		{"etcd", "", "discovery: flag -etcd is defined already"},
		{"b-ttl", "b-", "discovery: flag -b-ttl is defined already"},
		{"other", "-b", `discovery: flag prefix "-b" must not begin with - or contain =`},
		{"other", "b=", `discovery: flag prefix "b=" must not begin with - or contain =`},
	} {
		fs := newFlagSet()
		fs.String(test.defined, "", "")
		var c discovery.Config
		if err := c.RegisterFlags(fs, test.prefix); err == nil || err.Error() != test.want {
			t.Errorf("have %v, want %s", err, test.want)
		}
		fs.VisitAll(func(f *flag.Flag) {
			if f.Name != test.defined {
				t.Errorf("flag -%s is defined after an error", f.Name)
			}
		})
		if diff := cmp.Diff(discovery.Config{}, c,
			cmp.AllowUnexported(discovery.Config{})); diff != "" {
			t.Errorf("changed after an error: have (+), want (-):\n%s", diff)
		}
	}
	var a, b discovery.Config
	fs := newFlagSet()
	for prefix, c := range map[string]*discovery.Config{"a-": &a, "b-": &b} {
		if err := c.RegisterFlags(fs, prefix); err != nil {
			t.Errorf("two prefixes in one flag set: have %v, want nil", err)
		}
	}
}

func TestListFlagsReplaceAndPrint(t *testing.T) {
	var c discovery.Config
	fs := newFlagSet()
	if err := c.RegisterFlags(fs, ""); err != nil {
		t.Fatal(err)
	}
	fs.PrintDefaults() // calls String of the zero value
	for _, set := range []struct{ value, want string }{
		{"a:1", "a:1"},
		{"b:2 , c:3", "b:2,c:3"},
		{"b:2,,c:3", "b:2,,c:3"}, // is an error of Validate
		{"[fe80::1%eth0]:2379", "[fe80::1%eth0]:2379"},
		{" ", ""},
	} {
		if err := fs.Set("etcd", set.value); err != nil {
			t.Fatal(err)
		}
		if have := fs.Lookup("etcd").Value.String(); have != set.want {
			t.Errorf("set %q: have %q, want %q", set.value, have, set.want)
		}
	}
	if len(discovery.DefaultConfig().Etcd) != 1 {
		t.Error("setting a flag has changed the default")
	}
}

// An error about metadata quotes what was typed. Nothing wrong is accepted silently.
func TestErrorsOfMetadataQuoteWhatWasTyped(t *testing.T) {
	const pairs, weight = "must be name=value, separated by commas",
		"must have a weight that is a number of 0 or more"
	for typed, want := range map[string]string{
		"a":             `"a": ` + pairs,
		"a=":            `"a=": ` + pairs,
		"=b":            `"=b": ` + pairs,
		"zone=a,,b":     `"zone=a,,b": ` + pairs,
		"zone=a,":       `"zone=a,": ` + pairs,
		"zone=a,zone=b": `"zone=a,zone=b": must have each name once`,
		"weight=x":      `"weight=x": ` + weight,
		"weight=-1":     `"weight=-1": ` + weight,
		"weight=NaN":    `"weight=NaN": ` + weight,
		"weight=+Inf":   `"weight=+Inf": ` + weight,
		"weight=0":      "",
		"weight=2.5":    "",
		"zone=a=b,v=1":  "",
	} {
		c := discovery.DefaultConfig()
		fs := newFlagSet()
		if err := c.RegisterFlags(fs, ""); err != nil {
			t.Fatal(err)
		}
		if err := fs.Parse([]string{"-instance-metadata", typed}); err != nil {
			t.Error(err)
		}
		have := ""
		if err := c.Validate(); err != nil {
			have = err.Error()
		}
		if want != "" {
			want = "-instance-metadata " + want
		}
		if have != want {
			t.Errorf("%s: have %q, want %q", typed, have, want)
		}
	}
}
