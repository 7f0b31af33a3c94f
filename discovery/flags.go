package discovery

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// RegisterFlags defines one flag for each field of c. Parsing fs sets the fields. The default of a
// flag is the current value of its field or, if the field is zero, its value in [DefaultConfig].
//
// The prefix is put before the name of each flag: "books-" defines -books-etcd. Errors of
// [Config.Validate] name the flags with the prefix. If fs already has one of the flags,
// RegisterFlags defines none and returns an error that names it.
func (c *Config) RegisterFlags(fs *flag.FlagSet, prefix string) error {
	if strings.HasPrefix(prefix, "-") || strings.Contains(prefix, "=") {
		return fmt.Errorf("discovery: flag prefix %q must not begin with - or contain =", prefix)
	}
	var conflict error
	new(Config).flags(prefix).VisitAll(func(f *flag.Flag) {
		if name := prefix + f.Name; conflict == nil && fs.Lookup(name) != nil {
			conflict = fmt.Errorf("discovery: flag -%s is defined already", name)
		}
	})
	if conflict != nil {
		return conflict
	}
	c.flagPrefix = prefix
	c.setDefaults()
	c.flags(prefix).VisitAll(func(f *flag.Flag) { fs.Var(f.Value, prefix+f.Name, f.Usage) })
	return nil
}

// flags returns the flags of c. Their names have no prefix, the names in their usage have it.
func (c *Config) flags(prefix string) *flag.FlagSet {
	fs := flag.NewFlagSet("discovery", flag.ContinueOnError)
	fs.StringVar(&c.Kind, "discovery", c.Kind,
		"kind of service discovery: "+strings.Join(kindNames(), " or "))
	fs.Var(&addressList{&c.Etcd, endpointRule}, "etcd",
		"comma-separated `addresses` of etcd: host:port, http://host:port or https://host:port")
	fs.StringVar(&c.CA, "etcd-ca", c.CA,
		"certificates to verify etcd with (PEM file); empty for the system's")
	fs.StringVar(&c.Cert, "etcd-cert", c.Cert, "client certificate (PEM file) for etcd")
	fs.StringVar(&c.Key, "etcd-key", c.Key, "private key (PEM file) of -"+prefix+"etcd-cert")
	fs.StringVar(&c.User, "etcd-user", c.User, "user of an etcd with authentication")
	fs.Var((*secretFlag)(&c.Password), "etcd-password", "password of -"+prefix+"etcd-user")
	fs.StringVar(&c.PasswordFile, "etcd-password-file", c.PasswordFile,
		"file with the password of -"+prefix+"etcd-user; it is read again when etcd needs it")
	fs.StringVar(&c.Prefix, "prefix", c.Prefix,
		"prefix of all keys in etcd; begins and ends with a slash")
	fs.StringVar(&c.Format, "discovery-format", c.Format,
		"`format` of values in etcd that is read: plain (host:port, or JSON of gRPC's "+
			"naming/endpoints) or auto (those of kratos, go-zero and kitex, too)")
	fs.Var((*metadataFlag)(&c.Metadata), "instance-metadata",
		"comma-separated `name=value` pairs that are registered with the address, such as "+
			"version=1.2,zone=a,weight=10; the value in etcd is then JSON")
	fs.DurationVar(&c.TTL, "ttl", c.TTL,
		"lifetime of a registration after its server has died: whole seconds, 2s or more")
	fs.DurationVar(&c.DialTimeout, "etcd-dial-timeout", c.DialTimeout,
		"limit of one attempt to connect to etcd")
	fs.DurationVar(&c.DialKeepAlive, "etcd-keepalive", c.DialKeepAlive,
		"idle time after which a connection to etcd is probed (at least 10s is used), "+
			"and time limit of the probe")
	fs.DurationVar(&c.Timeout, "etcd-timeout", c.Timeout, "limit of one request to etcd")
	fs.StringVar(&c.Register, "register", c.Register,
		"`what` a server does while etcd does not answer: wait (for -"+prefix+"etcd-timeout, then "+
			"exit) or background (serve, and register when etcd answers)")
	fs.Var(&addressList{&c.Instances, instanceRule}, "instances",
		"comma-separated `addresses` of the instances for -"+prefix+"discovery static, or those "+
			"that are used until etcd answers: host:port")
	fs.IntVar(&c.Subset, "subset", c.Subset,
		"`number` of instances of a service that this client uses; each client has others, and "+
			"one that comes or goes changes at most one of them; 0 for all")
	return fs
}

// An addressList is a [flag.Value] of comma-separated addresses. Space around an address is
// ignored, and an empty text is an empty list.
type addressList struct {
	addresses *[]string
	rule      rule
}

// String returns the addresses, separated by commas. Parts that may be secret are masked.
func (l *addressList) String() string {
	if l == nil || l.addresses == nil { // package flag calls String of the zero value
		return ""
	}
	return strings.Join(redact(*l.addresses, l.rule), ",")
}

// Set replaces the addresses. It never fails, because package flag would print the text, which may
// contain a password. Config.Validate checks the addresses.
func (l *addressList) Set(text string) error {
	*l.addresses = nil
	if strings.TrimSpace(text) == "" {
		return nil
	}
	for address := range strings.SplitSeq(text, ",") {
		*l.addresses = append(*l.addresses, strings.TrimSpace(address))
	}
	return nil
}

// A metadataFlag is a [flag.Value] of comma-separated name=value pairs. A text that is none has the
// empty name, so that errors can quote it.
type metadataFlag map[string]string

// String returns the pairs, sorted by name.
func (m *metadataFlag) String() string {
	if m == nil {
		return ""
	}
	if text, ok := (*m)[""]; ok {
		return text
	}
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(*m)) {
		pairs = append(pairs, name+"="+(*m)[name])
	}
	return strings.Join(pairs, ",")
}

// Set replaces the pairs. It never fails: Config.Validate checks them.
func (m *metadataFlag) Set(text string) error {
	*m = nil
	if strings.TrimSpace(text) == "" {
		return nil
	}
	pairs, must := parsePairs(text)
	if must != "" {
		pairs = map[string]string{"": text}
	}
	*m = pairs
	return nil
}

const mustBePairs = "must be name=value, separated by commas"

// parsePairs reads comma-separated name=value pairs. must says what is wrong, or is empty.
func parsePairs(text string) (pairs map[string]string, must string) {
	pairs = map[string]string{}
	for pair := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(pair, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if name == "" || value == "" {
			return nil, mustBePairs
		}
		if _, ok := pairs[name]; ok {
			return nil, "must have each name once"
		}
		pairs[name] = value
	}
	return pairs, ""
}

// A secretFlag is a [flag.Value] that is never shown.
type secretFlag string

// String returns a mask, or "" if the secret is empty.
func (s *secretFlag) String() string {
	if s == nil || *s == "" {
		return ""
	}
	return masked
}

// Set never fails: package flag would print the text.
func (s *secretFlag) Set(text string) error {
	*s = secretFlag(text)
	return nil
}
