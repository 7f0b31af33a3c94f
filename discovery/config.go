package discovery

import (
	"strings"
	"time"
)

// Values of [Config.Register].
const (
	// RegisterWait makes Register try until its context ends, and return an error then.
	RegisterWait = "wait"

	// RegisterBackground makes Register return nil at once. The registry tries until it succeeds,
	// until Deregister is called, or until it is closed.
	RegisterBackground = "background"
)

// Values of [Config.Format].
const (
	// FormatPlain reads values that this package writes: host:port, or JSON with the address and
	// metadata, which is the format of package go.etcd.io/etcd/client/v3/naming/endpoints.
	FormatPlain = "plain"

	// FormatAuto also reads the values that kratos and kitex write. Those of go-zero are plain.
	FormatAuto = "auto"
)

// A Config selects and configures a kind of [Registry]. [DefaultConfig] and [Config.RegisterFlags]
// set all fields that kind "etcd" needs. For that kind, a zero value is an error: it is not
// replaced by a default.
type Config struct {
	// Kind is "etcd" or "static".
	Kind string

	// Etcd lists the addresses of the members of the etcd cluster, each as host:port,
	// http://host:port or https://host:port. One member that answers is sufficient.
	Etcd []string

	// CA, Cert and Key are PEM files for members with https addresses: the certificates of
	// authorities, which replace those of the system, and the certificate and key of this client.
	// Each may be empty; Cert and Key belong together. They are read again for new connections.
	CA, Cert, Key string

	// User and Password authenticate this client, if etcd has authentication. If PasswordFile is
	// set, the password is the content of that file without line ends. The file is read whenever
	// etcd wants to know the password.
	User, Password, PasswordFile string

	// Prefix is the prefix of all keys, which are <Prefix><service>/<address>. It begins and ends
	// with a slash.
	Prefix string

	// Format is [FormatPlain] or [FormatAuto]: which values of keys an instancer reads. With
	// FormatAuto, the prefix need not begin with a slash. Empty means FormatPlain.
	Format string

	// Metadata is written with each registered address, for example its version, zone and weight.
	// Names and values must not contain a comma, and names no equals sign. A weight must be a
	// number of 0 or more. If Metadata is empty, the value of a key is the address alone, which
	// every reader understands.
	Metadata map[string]string

	// TTL is the lifetime of a registration after its server has died: 2 s or more, in whole
	// seconds, as etcd counts leases in seconds. A registration is renewed three times in a TTL.
	// TTL is also the grace period in which an instancer keeps the instances that it knows after
	// etcd has lost its data.
	TTL time.Duration

	// DialTimeout limits one attempt to connect to a member of etcd. It must be positive.
	DialTimeout time.Duration

	// DialKeepAlive is the idle time after which a connection is probed, and the time limit of the
	// probe. It must be positive. GRPC uses an idle time of 10 s instead of a shorter one.
	DialKeepAlive time.Duration

	// Timeout limits each request to etcd, in addition to the context of the call. It must be
	// positive. It is also the limit of a Register whose context has no deadline. Attempts that are
	// not answered end earlier: see the package documentation.
	Timeout time.Duration

	// Register is [RegisterWait] or [RegisterBackground], which is what [Registrar.Register] does
	// while etcd does not answer. Empty means RegisterWait.
	Register string

	// Instances lists the addresses that kind "static" serves, each as host:port without a scheme.
	// For kind "etcd" they are the list of each service until etcd answers for the first time.
	Instances []string

	// Subset is the number of instances of each service that an instancer lists: those that have
	// the highest rendezvous hashes for this registry, as in gRFC A68. An instance that comes or
	// goes changes at most one of them. 0 means all. It must not be negative.
	Subset int

	// flagPrefix is the prefix that RegisterFlags was called with, for errors.
	flagPrefix string
}

// DefaultConfig returns a configuration for an etcd on the local host.
func DefaultConfig() Config {
	return Config{
		Kind:          "etcd",
		Etcd:          []string{"127.0.0.1:2379"},
		Prefix:        "/services/",
		TTL:           10 * time.Second,
		DialTimeout:   3 * time.Second,
		DialKeepAlive: 3 * time.Second,
		Timeout:       5 * time.Second,
		Register:      RegisterWait,
		Format:        FormatPlain,
	}
}

// secure reports whether the members of etcd use TLS.
func (c *Config) secure() bool {
	return len(c.Etcd) > 0 && strings.HasPrefix(c.Etcd[0], "https://")
}

// setDefaults sets each field that is zero to its value in [DefaultConfig].
func (c *Config) setDefaults() {
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
	if c.Format == "" {
		c.Format = d.Format
	}
	if c.Register == "" {
		c.Register = d.Register
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
