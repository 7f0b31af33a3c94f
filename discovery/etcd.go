package discovery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/go-kit/kit/sd"
)

// etcdRegistry registers and finds instances in etcd.
type etcdRegistry struct {
	client  *etcdClient
	prefix  string
	ttl     time.Duration
	timeout time.Duration
	log     *slog.Logger

	// ctx is over, with ErrClosed as its cause, once Close has begun.
	ctx  context.Context
	stop context.CancelCauseFunc

	mu         sync.Mutex
	registrars map[string]*etcdRegistrar // by key
	instancers map[*etcdInstancer]struct{}

	// loose counts goroutines that clean up behind a call that has returned. One
	// begins only while its registrar has the turn, which Close takes first.
	loose sync.WaitGroup

	closing  sync.Once
	closeErr error
}

func openEtcd(c Config, o options) (Registry, error) {
	client, err := dial(c)
	if err != nil {
		return nil, err
	}
	r := &etcdRegistry{
		client:     client,
		prefix:     c.Prefix,
		ttl:        c.TTL,
		timeout:    c.Timeout,
		log:        o.log,
		registrars: map[string]*etcdRegistrar{},
		instancers: map[*etcdInstancer]struct{}{},
	}
	r.ctx, r.stop = context.WithCancelCause(context.Background())
	return r, nil
}

// under returns the prefix of a service's keys.
func (r *etcdRegistry) under(service string) string {
	if service == "" {
		return r.prefix
	}
	return r.prefix + service + "/"
}

// Registrar returns the one registrar of a key: two would fight over it.
func (r *etcdRegistry) Registrar(service, addr string) Registrar {
	key := r.under(service) + addr
	r.mu.Lock()
	defer r.mu.Unlock()
	registrar, ok := r.registrars[key]
	if !ok {
		registrar = newEtcdRegistrar(r, key, addr)
		registrar.invalid = checkInstance(service, addr)
		r.registrars[key] = registrar
	}
	return registrar
}

// Instancer starts an instancer.
func (r *etcdRegistry) Instancer(service string) (sd.Instancer, error) {
	if err := checkService(service); err != nil {
		return nil, fmt.Errorf("discovery: instancer: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx.Err() != nil {
		return nil, fmt.Errorf("discovery: instancer: %w", ErrClosed)
	}
	i := newEtcdInstancer(r, r.under(service))
	r.instancers[i] = struct{}{}
	i.start(r.ctx)
	return i, nil
}

// Close makes all calls and goroutines end, and then gives back what they used:
// the leases, once their keepers have ended, and last the client.
func (r *etcdRegistry) Close() error {
	r.closing.Do(func() {
		registrars, instancers := r.retire()
		var errs []error
		if err := revokeAll(registrars); err != nil {
			errs = append(errs, fmt.Errorf("discovery: close: %w", err))
		}
		for _, i := range instancers {
			i.Stop()
		}
		r.loose.Wait()
		if err := r.client.Close(); err != nil && !errors.Is(err, context.Canceled) {
			errs = append(errs, fmt.Errorf("discovery: close: %w", err))
		}
		r.closeErr = errors.Join(errs...)
	})
	return r.closeErr
}

// retire makes every later call end with ErrClosed, and returns what there is to
// stop.
func (r *etcdRegistry) retire() (registrars []*etcdRegistrar, instancers []*etcdInstancer) {
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

func revokeAll(registrars []*etcdRegistrar) error {
	errs := make([]error, len(registrars))
	var revoking sync.WaitGroup
	for n, registrar := range registrars {
		revoking.Go(func() { errs[n] = registrar.close() })
	}
	revoking.Wait()
	return errors.Join(errs...)
}

func (r *etcdRegistry) forget(i *etcdInstancer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.instancers, i)
}
