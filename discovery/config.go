package discovery

import (
	"flag"
	"strings"
	"time"
)

// Config says where instances are registered and found. Start from DefaultConfig
// or RegisterFlags: the zero value of a duration is refused, not replaced.
type Config struct {
	// Kind is "etcd" or "static".
	Kind string

	// Etcd lists the members to talk to, each as host:port, http://host:port or
	// https://host:port. One that answers is enough.
	Etcd []string

	// Prefix is what all keys begin with; it begins and ends with a slash.
	Prefix string

	// TTL is how long a registration outlives its server, in whole seconds, two
	// at the least. A registration is confirmed three times in a TTL. It is also
	// for how long an instancer keeps what it knew when etcd lost its data.
	TTL time.Duration

	// DialTimeout limits one attempt to connect to a member of etcd.
	DialTimeout time.Duration

	// DialKeepAlive is how long a connection is silent before it is probed, and
	// then how long the answer may take. gRPC raises it to ten seconds.
	DialKeepAlive time.Duration

	// Timeout limits one request to etcd, beside the context of the call.
	Timeout time.Duration

	// Instances is the list that kind "static" serves, each as host:port.
	Instances []string
}

// DefaultConfig returns the configuration of an etcd on this machine.
func DefaultConfig() Config {
	return Config{
		Kind:          "etcd",
		Etcd:          []string{"127.0.0.1:2379"},
		Prefix:        "/services/book/",
		TTL:           10 * time.Second,
		DialTimeout:   3 * time.Second,
		DialKeepAlive: 3 * time.Second,
		Timeout:       5 * time.Second,
	}
}

// RegisterFlags defines one flag for each field. What a field holds beforehand is
// the flag's default; a field that is zero takes its default from DefaultConfig.
// The fields change as fs parses.
func (c *Config) RegisterFlags(fs *flag.FlagSet) {
	c.fill()
	fs.StringVar(&c.Kind, "discovery", c.Kind, "where instances are registered and found: "+kindNames())
	fs.Var((*list)(&c.Etcd), "etcd", "comma separated `addresses` of etcd: host:port, http://host:port or https://host:port")
	fs.StringVar(&c.Prefix, "prefix", c.Prefix, "what keys in etcd begin with; begins and ends with a slash")
	fs.DurationVar(&c.TTL, "ttl", c.TTL, "how long a registration outlives its server: whole seconds, at least 2s")
	fs.DurationVar(&c.DialTimeout, "etcd-dial-timeout", c.DialTimeout, "limit of one attempt to connect to etcd")
	fs.DurationVar(&c.DialKeepAlive, "etcd-keepalive", c.DialKeepAlive,
		"silence after which a connection to etcd is probed (10s at the least is used), and limit of the probe")
	fs.DurationVar(&c.Timeout, "etcd-timeout", c.Timeout, "limit of one request to etcd")
	fs.Var((*list)(&c.Instances), "instances", "comma separated `addresses` of the instances, for -discovery static: host:port")
}

func (c *Config) fill() {
	d := DefaultConfig()
	if c.Kind == "" {
		c.Kind = d.Kind
	}
	if len(c.Etcd) == 0 {
		c.Etcd = d.Etcd
	}
	if c.Prefix == "" {
		c.Prefix = d.Prefix
	}
	for _, f := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&c.TTL, d.TTL},
		{&c.DialTimeout, d.DialTimeout},
		{&c.DialKeepAlive, d.DialKeepAlive},
		{&c.Timeout, d.Timeout},
	} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
}

// A list is a flag of comma separated values. Setting it replaces what it had;
// space around a value is dropped, and an empty text is an empty list.
type list []string

// String returns the values joined by commas.
func (l *list) String() string {
	if l == nil {
		return ""
	}
	return strings.Join(*l, ",")
}

// Set never fails: Validate judges the values.
func (l *list) Set(text string) error {
	*l = nil
	if strings.TrimSpace(text) == "" {
		return nil
	}
	for value := range strings.SplitSeq(text, ",") {
		*l = append(*l, strings.TrimSpace(value))
	}
	return nil
}
