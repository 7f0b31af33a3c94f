package discovery_test

import (
	"flag"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bookservice/discovery"
)

func TestValidate(t *testing.T) {
	const (
		wantEndpoint = "want host:port, http://host:port or https://host:port, with a port from 1 to 65535"
		wantAddress  = "want host:port, with a port from 1 to 65535"
		wantTTL      = "want whole seconds, at least 2s (etcd counts leases in seconds)"
	)
	etcd := func(addresses ...string) func(*discovery.Config) {
		return func(c *discovery.Config) { c.Etcd = addresses }
	}
	static := func(addresses ...string) func(*discovery.Config) {
		return func(c *discovery.Config) { *c = discovery.Config{Kind: "static", Instances: addresses} }
	}
	for _, test := range []struct {
		name   string
		change func(*discovery.Config)
		want   string // "" is no error
	}{
		{"default", func(*discovery.Config) {}, ""},
		{"unknown kind", func(c *discovery.Config) { c.Kind = "etdc" }, `discovery: unknown kind "etdc" (have etcd, static)`},
		{"no kind", func(c *discovery.Config) { c.Kind = "" }, `discovery: unknown kind "" (have etcd, static)`},
		{"several members", etcd("a:1", "b.example:65535", "[::1]:2379"), ""},
		{"schemes", etcd("http://a:1", "b:2"), ""},
		{"encrypted", etcd("https://a:1", "https://b:2"), ""},
		{"mixed encryption", etcd("https://a:1", "b:2"), `discovery: -etcd "https://a:1,b:2": want https:// for all addresses or for none`},
		{"no etcd", etcd(), `discovery: -etcd "": want one address at least`},
		{"empty etcd", etcd("a:1", ""), `discovery: -etcd "": ` + wantEndpoint},
		{"etcd without port", etcd("127.0.0.1"), `discovery: -etcd "127.0.0.1": ` + wantEndpoint},
		{"etcd without host", etcd(":2379"), `discovery: -etcd ":2379": ` + wantEndpoint},
		{"etcd with a path", etcd("http://a:1/v3"), `discovery: -etcd "http://a:1/v3": ` + wantEndpoint},
		{"other scheme", etcd("ftp://a:1"), `discovery: -etcd "ftp://a:1": ` + wantEndpoint},
		{"named port", etcd("a:etcd"), `discovery: -etcd "a:etcd": ` + wantEndpoint},
		{"port 0", etcd("a:0"), `discovery: -etcd "a:0": ` + wantEndpoint},
		{"port 65536", etcd("a:65536"), `discovery: -etcd "a:65536": ` + wantEndpoint},
		{"signed port", etcd("a:+1"), `discovery: -etcd "a:+1": ` + wantEndpoint},
		{"space in host", etcd("a b:1"), `discovery: -etcd "a b:1": ` + wantEndpoint},
		{"etcd twice", etcd("a:1", "http://A:1"), `discovery: -etcd "http://A:1": is there twice (want each address once)`},
		{"no prefix", func(c *discovery.Config) { c.Prefix = "" }, `discovery: -prefix "": want it to begin and end with a slash`},
		{"prefix without first slash", func(c *discovery.Config) { c.Prefix = "a/" }, `discovery: -prefix "a/": want it to begin and end with a slash`},
		{"prefix without last slash", func(c *discovery.Config) { c.Prefix = "/a" }, `discovery: -prefix "/a": want it to begin and end with a slash`},
		{"ttl of 1s", func(c *discovery.Config) { c.TTL = time.Second }, "discovery: -ttl 1s: " + wantTTL},
		{"ttl of 2.5s", func(c *discovery.Config) { c.TTL = 2500 * time.Millisecond }, "discovery: -ttl 2.5s: " + wantTTL},
		{"negative ttl", func(c *discovery.Config) { c.TTL = -time.Second }, "discovery: -ttl -1s: " + wantTTL},
		{"no dial timeout", func(c *discovery.Config) { c.DialTimeout = 0 }, "discovery: -etcd-dial-timeout 0s: want more than 0s"},
		{"negative keepalive", func(c *discovery.Config) { c.DialKeepAlive = -1 }, "discovery: -etcd-keepalive -1ns: want more than 0s"},
		{"no timeout", func(c *discovery.Config) { c.Timeout = 0 }, "discovery: -etcd-timeout 0s: want more than 0s"},
		{"static", static("a:1", "b:1"), ""},
		{"static without instances", static(), `discovery: -instances "": want one address at least`},
		{"static with a scheme", static("http://a:1"), `discovery: -instances "http://a:1": ` + wantAddress},
		{"static without port", static("a"), `discovery: -instances "a": ` + wantAddress},
		{"static twice", static("a:1", "b:1", "a:1"), `discovery: -instances "a:1": is there twice (want each address once)`},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := discovery.DefaultConfig()
			test.change(&c)
			have := ""
			if err := c.Validate(); err != nil {
				have = err.Error()
			}
			if have != test.want {
				t.Errorf("have %s\nwant %s", have, test.want)
			}
			if test.want == "" {
				return
			}
			if _, err := discovery.Open(t.Context(), c); err == nil || err.Error() != test.want {
				t.Errorf("Open: have %v, want %s", err, test.want)
			}
		})
	}
}

func TestFlags(t *testing.T) {
	preset := discovery.Config{Kind: "static", Instances: []string{"c:3"}, TTL: time.Minute}
	withDefaults := discovery.DefaultConfig()
	withDefaults.Kind, withDefaults.Instances, withDefaults.TTL = preset.Kind, preset.Instances, preset.TTL
	for _, test := range []struct {
		name   string
		before discovery.Config
		args   []string
		want   discovery.Config
	}{
		{"none", discovery.Config{}, nil, discovery.DefaultConfig()},
		{"preset", preset, nil, withDefaults},
		{"all", discovery.Config{}, []string{
			"-discovery", "static", "-etcd", "a:1, b:2", "-prefix", "/p/", "-ttl", "4s",
			"-etcd-dial-timeout", "1s", "-etcd-keepalive", "2s", "-etcd-timeout", "3s", "-instances", "c:3,d:4",
		}, discovery.Config{
			Kind: "static", Etcd: []string{"a:1", "b:2"}, Prefix: "/p/", TTL: 4 * time.Second,
			DialTimeout: time.Second, DialKeepAlive: 2 * time.Second, Timeout: 3 * time.Second, Instances: []string{"c:3", "d:4"},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			have := test.before
			fs := flag.NewFlagSet(test.name, flag.ContinueOnError)
			have.RegisterFlags(fs)
			if err := fs.Parse(test.args); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, have); diff != "" {
				t.Errorf("have (+), want (-):\n%s", diff)
			}
		})
	}
}

func TestListFlagsReplaceAndPrint(t *testing.T) {
	var c discovery.Config
	fs := flag.NewFlagSet("list", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	c.RegisterFlags(fs)
	fs.PrintDefaults() // asks the zero value for its text
	for _, set := range []struct{ value, want string }{
		{"a:1", "a:1"},
		{"b:2 , c:3", "b:2,c:3"},
		{"b:2,,c:3", "b:2,,c:3"}, // for Validate to refuse
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
		t.Error("setting a flag changed the default")
	}
}
