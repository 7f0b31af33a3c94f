package discovery_test

import (
	"errors"
	"flag"
	"strings"
	"testing"
	"time"

	"bookservice/discovery"
)

const (
	mustEndpoint = "must be host:port, http://host:port or https://host:port, " +
		"with a port of 1 to 65535"
	mustNoUser = "must be host:port, http://host:port or https://host:port, " +
		"without user, password and query"
	mustInstance = "must be host:port with a port of 1 to 65535"
	mustNoScheme = "must be host:port without a scheme"
	mustPrefix   = "must be a path that begins and ends with a slash"
	mustTTL      = "must be 2s or more, in whole seconds"
	mustPositive = "must be more than 0"
	mustOnce     = "must be listed only once"
)

// validate returns the text of the error of c.Validate, or "" if there is none. It fails the test
// if the error of Open differs, or if the error does not name the setting.
func validate(t *testing.T, c discovery.Config, setting string) string {
	t.Helper()
	err := c.Validate()
	if err == nil {
		return ""
	}
	var s interface {
		error
		Setting() string
	}
	if !errors.As(err, &s) || s.Setting() != setting {
		t.Errorf("have %#v, want an error with the setting %s", err, setting)
	}
	if _, openErr := discovery.Open(t.Context(), c); openErr == nil ||
		openErr.Error() != err.Error() {
		t.Errorf("Open: have %v, want %v", openErr, err)
	}
	return err.Error()
}

func TestValidateKind(t *testing.T) {
	for kind, shown := range map[string]string{
		"": "", "etdc": "etdc", "Static": "Static",
		"http://root:s3cret@h:2379": "xxxxx", // meant for -etcd
	} {
		c := discovery.DefaultConfig()
		c.Kind = kind
		want := `-discovery "` + shown + `": must be one of etcd, static`
		if have := validate(t, c, "discovery"); have != want {
			t.Errorf("have %s\nwant %s", have, want)
		}
	}
}

func TestValidateEtcd(t *testing.T) {
	for _, test := range []struct {
		name string
		etcd []string
		want string // after the name of the flag; "" if valid
	}{
		{"several members", []string{"a:1", "b.example:65535", "[::1]:2379", "10.0.0.1:1"}, ""},
		{"zone", []string{"[fe80::1%eth0]:2379"}, ""},
		{"schemes", []string{"http://a:1", "b:2"}, ""},
		{"encrypted", []string{"https://a:1", "https://b:2"}, ""},
		{"underscore", []string{"my_etcd:1"}, ""},
		{"some encrypted", []string{"https://a:1", "b:2"},
			`"https://a:1,b:2": must be https:// for all addresses or for none`},
		{"last encrypted", []string{"a:1", "https://b:2"},
			`"a:1,https://b:2": must be https:// for all addresses or for none`},
		{"empty", []string{"a:1", ""}, `"": ` + mustEndpoint},
		{"no port", []string{"127.0.0.1"}, `"127.0.0.1": ` + mustEndpoint},
		{"no host", []string{":2379"}, `":2379": ` + mustEndpoint},
		{"no brackets", []string{"::1:2379"}, `"::1:2379": ` + mustEndpoint},
		{"path", []string{"http://a:1/v3"}, `"http://a:1/v3": ` + mustEndpoint},
		{"other scheme", []string{"ftp://a:1"}, `"ftp://a:1": ` + mustEndpoint},
		{"port 0", []string{"a:0"}, `"a:0": ` + mustEndpoint},
		{"port 65536", []string{"a:65536"}, `"a:65536": ` + mustEndpoint},
		{"signed port", []string{"a:+1"}, `"a:+1": ` + mustEndpoint},
		{"space in host", []string{"a b:1"}, `"a b:1": ` + mustEndpoint},
		{"listed twice", []string{"a:1", "http://A:1"}, `"http://A:1": ` + mustOnce},
		// Text that may be secret is masked.
		{"named port", []string{"a:etcd"}, `"a:xxxxx": ` + mustEndpoint},
		{"user and password", []string{"http://root:s3cret@h:2379"}, `"xxxxx": ` + mustNoUser},
		{"query", []string{"http://h:2379?token=s3cret"}, `"xxxxx": ` + mustNoUser},
		{"no host after the password", []string{"a:1", "http://root:s3cret", "cret:1"},
			`"http://root:xxxxx": ` + mustEndpoint},
		{"number that is no port", []string{"http://root:123456"},
			`"http://root:xxxxx": ` + mustEndpoint},
		{"user in a later address", []string{"a", "root:s3cret@h:1"}, `"xxxxx": ` + mustEndpoint},
		{"user in the zone", []string{"[fe80::1%s3cret@h]:1"}, `"xxxxx": ` + mustNoUser},
	} {
		for _, kind := range []string{"etcd", "static"} {
			t.Run(test.name+" "+kind, func(t *testing.T) {
				c := discovery.DefaultConfig()
				c.Kind, c.Etcd, c.Instances = kind, test.etcd, []string{addrA}
				want := test.want
				if want != "" {
					want = "-etcd " + want
				}
				if have := validate(t, c, "etcd"); have != want {
					t.Errorf("have %s\nwant %s", have, want)
				}
			})
		}
	}
}

func TestValidateInstances(t *testing.T) {
	for _, test := range []struct {
		name      string
		instances []string
		want      string // after the name of the flag; "" if valid
	}{
		{"several", []string{"a:1", "b:1"}, ""},
		{"http", []string{"http://10.0.0.1:80"}, `"http://10.0.0.1:80": ` + mustNoScheme},
		{"dns", []string{"a:1", "dns:///x:1"}, `"dns:///x:1": ` + mustNoScheme},
		{"grpc", []string{"grpc://10.0.0.1:80"}, `"grpc://10.0.0.1:80": ` + mustNoScheme},
		{"no port", []string{"a"}, `"a": ` + mustInstance},
		{"empty", []string{""}, `"": ` + mustInstance},
		{"listed twice", []string{"a:1", "b:1", "A:1"}, `"A:1": ` + mustOnce},
		{"user and password", []string{"u:s3cret@h:1"}, `"xxxxx": ` + mustInstance},
		{"user, password and scheme", []string{"http://u:s3cret@h"}, `"xxxxx": ` + mustNoScheme},
	} {
		for _, kind := range []string{"etcd", "static"} {
			t.Run(test.name+" "+kind, func(t *testing.T) {
				c := discovery.DefaultConfig()
				c.Kind, c.Instances = kind, test.instances
				want := test.want
				if want != "" {
					want = "-instances " + want
				}
				if have := validate(t, c, "instances"); have != want {
					t.Errorf("have %s\nwant %s", have, want)
				}
			})
		}
	}
}

func TestValidateOthers(t *testing.T) {
	for _, test := range []struct {
		setting, want string
		change        func(*discovery.Config)
	}{
		{"prefix", `"a/": ` + mustPrefix, func(c *discovery.Config) { c.Prefix = "a/" }},
		{"prefix", `"/a": ` + mustPrefix, func(c *discovery.Config) { c.Prefix = "/a" }},
		{"prefix", `"xxxxx": ` + mustPrefix, func(c *discovery.Config) {
			c.Prefix = "http://root:s3cret@h:2379"
		}},
		{"prefix", `"a": must be a path that ends with a slash`, func(c *discovery.Config) {
			c.Prefix, c.Format = "a", discovery.FormatAuto
		}},
		{"discovery-format", `"json": must be one of auto, plain`,
			func(c *discovery.Config) { c.Format = "json" }},
		{"register", `"later": must be one of background, wait`,
			func(c *discovery.Config) { c.Register = "later" }},
		{"instance-metadata", `"zone=": must be name=value, separated by commas`,
			func(c *discovery.Config) { c.Metadata = map[string]string{"zone": ""} }},
		{"instance-metadata", `"weight=-1": must have a weight that is a number of 0 or more`,
			func(c *discovery.Config) { c.Metadata = map[string]string{"weight": "-1"} }},
		{"subset", "-1: must be 0 or more", func(c *discovery.Config) { c.Subset = -1 }},
		{"etcd-ca", `"ca.pem": must be empty unless -etcd is https://`,
			func(c *discovery.Config) { c.CA = "ca.pem" }},
		{"etcd-cert", `"c.pem": must be empty unless -etcd-key is set`, func(c *discovery.Config) {
			c.Etcd, c.Cert = []string{"https://a:1"}, "c.pem"
		}},
		{"etcd-key", `"c.key": must be empty unless -etcd-cert is set`, func(c *discovery.Config) {
			c.Etcd, c.Key = []string{"https://a:1"}, "c.key"
		}},
		{"etcd-user", `"u": must be empty unless -etcd-password is set`,
			func(c *discovery.Config) { c.User = "u" }},
		{"etcd-password-file", `"f": must be empty unless -etcd-user is set`,
			func(c *discovery.Config) { c.PasswordFile = "f" }},
		{"etcd-password-file", `"f": must be empty if -etcd-password is set`,
			func(c *discovery.Config) { c.User, c.Password, c.PasswordFile = "u", "p", "f" }},
		{"ttl", "1s: " + mustTTL, func(c *discovery.Config) { c.TTL = time.Second }},
		{"ttl", "2.5s: " + mustTTL, func(c *discovery.Config) { c.TTL = 2500 * time.Millisecond }},
		{"ttl", "-4s: " + mustTTL, func(c *discovery.Config) { c.TTL = -4 * time.Second }},
		{"etcd-dial-timeout", "-1ns: " + mustPositive,
			func(c *discovery.Config) { c.DialTimeout = -1 }},
		{"etcd-keepalive", "-1ns: " + mustPositive,
			func(c *discovery.Config) { c.DialKeepAlive = -1 }},
		{"etcd-timeout", "-1s: " + mustPositive,
			func(c *discovery.Config) { c.Timeout = -time.Second }},
	} {
		for _, kind := range []string{"etcd", "static"} {
			t.Run(kind+" "+test.want, func(t *testing.T) {
				c := discovery.DefaultConfig()
				c.Kind, c.Instances = kind, []string{addrA}
				test.change(&c)
				want := "-" + test.setting + " " + test.want
				if have := validate(t, c, test.setting); have != want {
					t.Errorf("have %s\nwant %s", have, want)
				}
			})
		}
	}
}

// Settings may be zero unless their kind is selected.
func TestValidateZero(t *testing.T) {
	for _, test := range []struct {
		setting, want string
		change        func(*discovery.Config)
	}{
		{"etcd", `"": must be at least one address`, func(c *discovery.Config) { c.Etcd = nil }},
		{"prefix", `"": ` + mustPrefix, func(c *discovery.Config) { c.Prefix = "" }},
		{"ttl", "0s: " + mustTTL, func(c *discovery.Config) { c.TTL = 0 }},
		{"etcd-dial-timeout", "0s: " + mustPositive,
			func(c *discovery.Config) { c.DialTimeout = 0 }},
		{"etcd-keepalive", "0s: " + mustPositive,
			func(c *discovery.Config) { c.DialKeepAlive = 0 }},
		{"etcd-timeout", "0s: " + mustPositive, func(c *discovery.Config) { c.Timeout = 0 }},
	} {
		t.Run(test.setting, func(t *testing.T) {
			c := discovery.DefaultConfig()
			test.change(&c)
			want := "-" + test.setting + " " + test.want
			if have := validate(t, c, test.setting); have != want {
				t.Errorf("have %s\nwant %s", have, want)
			}
			c.Kind, c.Instances = "static", []string{addrA}
			if have := validate(t, c, ""); have != "" {
				t.Errorf("static: have %s, want no error", have)
			}
		})
	}
	want := `-instances "": must be at least one address`
	if have := validate(t, discovery.Config{Kind: "static"}, "instances"); have != want {
		t.Errorf("have %s\nwant %s", have, want)
	}
	if have := validate(t, discovery.DefaultConfig(), ""); have != "" {
		t.Errorf("etcd without instances: have %s, want no error", have)
	}
}

func TestPasswordIsNeverShown(t *testing.T) {
	c := discovery.DefaultConfig()
	c.Password = "s3cret"
	err := c.Validate()
	if want := "-etcd-password: must be empty unless -etcd-user is set"; err == nil ||
		err.Error() != want {
		t.Errorf("have %v, want %s", err, want)
	}
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	if err := c.RegisterFlags(fs, ""); err != nil {
		t.Fatal(err)
	}
	var usage strings.Builder
	fs.SetOutput(&usage)
	fs.PrintDefaults()
	if strings.Contains(usage.String(), c.Password) {
		t.Errorf("have the password in %s", usage.String())
	}
}
