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

// ErrClosed is what calls return once their registry is closed.
var ErrClosed = errors.New("registry is closed")

// Registry registers instances of services and finds them.
type Registry interface {
	// Registrar returns the registrar of one instance, the same one for the same
	// arguments. The service is empty when the prefix names it, and has no slash;
	// addr is a host:port that clients can reach. Neither is checked before
	// Register.
	Registrar(service, addr string) Registrar

	// Instancer returns a new instancer that follows the instances of a service,
	// named as for Registrar. It does not wait for an answer of etcd. Stop ends it,
	// and so does Close. The error is for a service that cannot be, or ErrClosed.
	Instancer(service string) (sd.Instancer, error)

	// Close stops instancers and registrars, ends all goroutines and closes the
	// connection. The leases of instances that are still registered are revoked
	// within Config.Timeout; the error says which could not be, and these end with
	// their TTL. Closing again waits for the first Close and returns the same.
	Close() error
}

// Registrar registers one instance of a service and keeps it registered.
type Registrar interface {
	// Register makes the instance known and keeps it so until Deregister or Close,
	// whatever happens to etcd meanwhile. The context bounds this call only. It
	// returns nil at once when the instance is registered already, and kept even
	// if it is lost just now. After an error nothing stays registered.
	Register(ctx context.Context) error

	// Deregister makes the instance unknown: once it has returned nil its key is
	// gone. After an error the instance is no longer kept and goes with its TTL;
	// Deregister may be tried again. When nothing is registered it returns nil.
	Deregister(ctx context.Context) error
}

// An Option changes what Open does beside its Config.
type Option func(*options)

type options struct {
	log *slog.Logger
}

// WithLogger sets where outages are logged: once when a registration is lost or
// etcd does not answer, and once when it is back. Without it nothing is logged.
func WithLogger(log *slog.Logger) Option {
	return func(o *options) {
		if log != nil {
			o.log = log
		}
	}
}

// A kind is one way to discover instances.
type kind struct {
	check func(Config) error
	open  func(Config, options) (Registry, error)
}

// kinds names every kind that configuration can ask for.
var kinds = map[string]kind{
	"etcd":   {checkEtcd, openEtcd},
	"static": {checkStatic, openStatic},
}

func kindNames() string {
	return strings.Join(slices.Sorted(maps.Keys(kinds)), ", ")
}

// Open makes the registry that c asks for, after c.Validate. It does not wait for
// etcd, which may come up later. The context bounds Open only. The caller owes a
// Close.
func Open(ctx context.Context, c Config, opts ...Option) (Registry, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("discovery: open: %w", err)
	}
	o := options{log: slog.New(slog.DiscardHandler)}
	for _, opt := range opts {
		opt(&o)
	}
	registry, err := kinds[c.Kind].open(c, o)
	if err != nil {
		return nil, fmt.Errorf("discovery: open %s: %w", c.Kind, err)
	}
	return registry, nil
}

// checkService refuses names that would reach into the keys of another service.
func checkService(service string) error {
	if strings.Contains(service, "/") {
		return fmt.Errorf("service %q: want no slash", service)
	}
	return nil
}

func checkInstance(service, addr string) error {
	if err := checkService(service); err != nil {
		return err
	}
	return checkAddress(addr)
}
