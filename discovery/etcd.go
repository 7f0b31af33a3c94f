package discovery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-kit/kit/sd"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// An etcdRegistry registers and finds instances in etcd.
type etcdRegistry struct {
	client  *etcdClient
	prefix  string
	ttl     time.Duration
	timeout time.Duration
	parse   valueParser

	subset    subset
	instances []string // the list of each service until etcd answers

	metadata map[string]string // of all registered instances

	log *slog.Logger

	// registerInBackground is set if Register does not wait for etcd.
	registerInBackground bool

	// ctx ends, with ErrClosed as its cause, when Close begins.
	ctx  context.Context
	stop context.CancelCauseFunc

	mu         sync.Mutex
	registrars map[string]*etcdRegistrar // by key
	instancers map[*etcdInstancer]struct{}

	// probing is set once the probe was started, which probes counts.
	probing bool
	probes  sync.WaitGroup

	keys    keyReader    // of registrations
	keepers atomic.Int64 // that run

	// background counts the goroutines that revoke leases after Register has failed. They are
	// started only while the registrar's semaphore is held. Close acquires all of them before it
	// waits.
	background sync.WaitGroup

	closing  sync.Once
	closeErr error
}

func openEtcd(c Config, o options) (Registry, error) {
	client, err := dial(c, o.log)
	if err != nil {
		return nil, err
	}
	return newEtcdRegistry(client, c, o.log), nil
}

func newEtcdRegistry(client *etcdClient, c Config, log *slog.Logger) *etcdRegistry {
	r := &etcdRegistry{
		client:  client,
		prefix:  c.Prefix,
		ttl:     c.TTL,
		timeout: c.Timeout,
		parse:   parserOf(c.Format),
		log:     log,

		metadata:  c.Metadata,
		instances: c.Instances,
		subset:    newSubset(c.Subset),

		registerInBackground: c.Register == RegisterBackground,
		registrars:           map[string]*etcdRegistrar{},
		instancers:           map[*etcdInstancer]struct{}{},
	}
	r.ctx, r.stop = context.WithCancelCause(context.Background())
	r.keys = keyReader{client: client, ctx: r.ctx, timeout: min(c.Timeout, c.TTL/3)}
	return r
}

// servicePrefix returns the prefix of the keys of a service.
func (r *etcdRegistry) servicePrefix(service string) string {
	if service == "" {
		return r.prefix
	}
	return r.prefix + service + "/"
}

// Registrar implements [Registry]. There is one registrar for each key, because two would overwrite
// each other's lease.
func (r *etcdRegistry) Registrar(service, addr string) Registrar {
	key := r.servicePrefix(service) + addr
	r.mu.Lock()
	defer r.mu.Unlock()
	registrar, ok := r.registrars[key]
	if !ok {
		registrar = newEtcdRegistrar(r, key, addr)
		registrar.service = service
		if registrar.invalid = checkInstance(service, addr); registrar.invalid == nil {
			r.registrars[key] = registrar
		}
	}
	return registrar
}

// fewKeepers reports whether the process has fewer than manyKeepers registrations.
func (r *etcdRegistry) fewKeepers() bool { return r.keepers.Load() < manyKeepers }

// Instancer implements [Registry].
func (r *etcdRegistry) Instancer(service string) (sd.Instancer, error) {
	if err := checkService(service); err != nil {
		return nil, fmt.Errorf("discovery: instancer: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx.Err() != nil {
		return nil, fmt.Errorf("discovery: instancer: %w", ErrClosed)
	}
	prefix := r.servicePrefix(service)
	i := newEtcdInstancer(r, prefix)
	i.service = service
	i.fallBack(r.instances)
	if !r.probing {
		r.probing = true
		r.probes.Go(func() { r.probe(prefix) })
	}
	r.instancers[i] = struct{}{}
	i.start(r.ctx)
	return i, nil
}

// Status implements [Registry].
func (r *etcdRegistry) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	var s Status
	for _, registrar := range r.registrars {
		if status, ok := registrar.status(); ok {
			s.Registrations = append(s.Registrations, status)
		}
	}
	slices.SortFunc(s.Registrations, func(a, b RegistrationStatus) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Address, b.Address))
	})
	now := time.Now()
	for i := range r.instancers {
		s.Services = append(s.Services, i.status(now))
	}
	sortServices(s.Services)
	return s
}

func sortServices(all []ServiceStatus) {
	slices.SortFunc(all, func(a, b ServiceStatus) int { return cmp.Compare(a.Service, b.Service) })
}

// probe sends etcd a small request when it has sent nothing for a sixth of the TTL. A member that
// does not answer it is left for another one, together with all watches. The key is one that the
// user of an etcd with authentication may read.
func (r *etcdRegistry) probe(key string) {
	interval := r.ttl / 6
	for wait := interval; sleep(r.ctx, wait); {
		quiet, connected := r.client.conns.quietFor(time.Now())
		if connected && quiet < interval {
			wait = interval - quiet
			continue
		}
		if wait = interval; !connected {
			continue
		}
		_, err := call(r.ctx, r.client, r.timeout,
			func(ctx context.Context) (*clientv3.GetResponse, error) {
				return r.client.Get(ctx, key, clientv3.WithSerializable(), clientv3.WithKeysOnly())
			})
		if err != nil && r.ctx.Err() == nil {
			r.log.Debug("probe failed", "err", err)
		}
	}
}

// Close implements [Registry]. It first interrupts all calls and goroutines. Then it revokes each
// lease, after the lease's keeper has ended, and finally closes the client.
func (r *etcdRegistry) Close() error {
	r.closing.Do(func() {
		registrars, instancers := r.beginClose()
		var errs []error
		if err := closeAll(registrars); err != nil {
			errs = append(errs, fmt.Errorf("discovery: close: %w", err))
		}
		for _, i := range instancers {
			i.Stop()
		}
		r.probes.Wait()
		r.keys.reading.Wait()
		r.background.Wait()
		if err := r.client.Close(); err != nil && !errors.Is(err, context.Canceled) {
			errs = append(errs, fmt.Errorf("discovery: close: %w", err))
		}
		r.closeErr = errors.Join(errs...)
	})
	return r.closeErr
}

// beginClose ends r.ctx, so that all later calls fail with ErrClosed. It returns the registrars and
// instancers that exist.
func (r *etcdRegistry) beginClose() (registrars []*etcdRegistrar, instancers []*etcdInstancer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stop(ErrClosed)
	for _, registrar := range r.registrars {
		registrars = append(registrars, registrar)
	}
	for i := range r.instancers {
		instancers = append(instancers, i)
	}
	return registrars, instancers
}

// closeAll closes the registrars concurrently and joins their errors.
func closeAll(registrars []*etcdRegistrar) error {
	errs := make([]error, len(registrars))
	var closing sync.WaitGroup
	for n, registrar := range registrars {
		closing.Go(func() { errs[n] = registrar.close() })
	}
	closing.Wait()
	return errors.Join(errs...)
}

func (r *etcdRegistry) removeInstancer(i *etcdInstancer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.instancers, i)
}
