package discovery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/go-kit/kit/sd"
)

// ErrClosed is wrapped by the errors of calls after [Registry.Close], and by the error of [Wait]
// after Stop.
var ErrClosed = errors.New("registry is closed")

// A Registry registers and finds instances of services. All methods may be called concurrently.
type Registry interface {
	// Registrar returns the registrar of one instance. The service is empty if the key prefix
	// already names it. It must not contain a slash. The address is a host:port that clients can
	// reach, without a scheme. Invalid arguments are an error of Register.
	Registrar(service, addr string) Registrar

	// Instancer returns a new instancer for a service, which is named as for Registrar. It does not
	// wait for etcd. The caller must call Stop, unless the registry is closed. The error reports an
	// invalid service name, or ErrClosed.
	Instancer(service string) (sd.Instancer, error)

	// Status returns what the registry knows about its registrations and lists. It does not wait
	// for etcd.
	Status() Status

	// Close stops all registrars and instancers, ends their goroutines and closes the connection to
	// etcd. It revokes the leases of registered instances, for up to Config.Timeout. Its error
	// names the instances whose leases were not revoked; these expire after their TTL. Further
	// calls wait for the first one and return its error.
	Close() error
}

// A Registrar registers one instance of a service and restores the registration if it is lost. All
// methods may be called concurrently.
type Registrar interface {
	// Register registers the instance until Deregister or Close is called. It tries until it
	// succeeds or its context ends; a context without a deadline ends after Config.Timeout. With
	// RegisterBackground it returns nil at once. The context limits only the call. Errors that a
	// repetition does not change, such as a wrong password, are returned at once. If the instance
	// is registered already, Register returns nil at once, even if the registration is lost and not
	// yet restored. After an error the instance is not registered.
	Register(ctx context.Context) error

	// Deregister removes the registration: when it returns nil, the key does not exist any more,
	// unless another process has registered it. After an error the registration is not renewed any
	// more and expires after its TTL, and Deregister may be called again. If the instance is not
	// registered, Deregister returns nil.
	Deregister(ctx context.Context) error
}

// An Option configures [Open].
type Option func(*options)

type options struct {
	log *slog.Logger
}

// WithLogger sets the logger. The default is [slog.Default]. If log is nil, nothing is logged.
//
// A registration is logged at level Info. A lost one, one that a check did not confirm because it
// failed, and an outage of etcd are logged at level Warn, and their ends at level Info, each once.
func WithLogger(log *slog.Logger) Option {
	return func(o *options) {
		if log == nil {
			log = slog.New(slog.DiscardHandler)
		}
		o.log = log
	}
}

// A kind is one implementation of [Registry].
type kind struct {
	// check reports the first invalid setting of this kind. Settings that only this kind needs may
	// be zero unless it is selected.
	check func(c Config, selected bool) error
	open  func(Config, options) (Registry, error)
}

// kinds has all values of [Config.Kind].
var kinds = map[string]kind{
	"etcd":   {checkEtcd, openEtcd},
	"static": {checkStatic, openStatic},
}

func kindNames() []string { return slices.Sorted(maps.Keys(kinds)) }

// Open validates c and creates a registry of the kind that it selects. Open does not wait for etcd:
// etcd may be started later. The context limits only the call. The caller must call
// [Registry.Close].
func Open(ctx context.Context, c Config, opts ...Option) (Registry, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("discovery: open: %w", err)
	}
	o := options{log: slog.Default()}
	for _, opt := range opts {
		opt(&o)
	}
	registry, err := kinds[c.Kind].open(c, o)
	if err != nil {
		return nil, fmt.Errorf("discovery: open %s: %w", c.Kind, err)
	}
	return registry, nil
}

// checkService returns an error for a name with a slash, whose keys would be those of another
// service.
func checkService(service string) error {
	if strings.Contains(service, "/") {
		return fmt.Errorf("service %q must not contain a slash", service)
	}
	return nil
}

func checkInstance(service, addr string) error {
	if err := checkService(service); err != nil {
		return err
	}
	if must := instanceRule(addr); must != "" {
		return fmt.Errorf("address %q %s", redact([]string{addr}, instanceRule)[0], must)
	}
	return nil
}
