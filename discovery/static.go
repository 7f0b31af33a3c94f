package discovery

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/go-kit/kit/sd"
)

// A staticRegistry has one fixed list of instances for every service name.
type staticRegistry struct {
	instances []string
	subset    subset

	mu         sync.Mutex
	closed     bool
	instancers map[*staticInstancer]struct{}
}

func openStatic(c Config, _ options) (Registry, error) {
	return &staticRegistry{
		instances:  slices.Clone(c.Instances),
		subset:     newSubset(c.Subset),
		instancers: map[*staticInstancer]struct{}{},
	}, nil
}

// Registrar implements [Registry]. The registrar checks its arguments and changes nothing.
func (r *staticRegistry) Registrar(service, addr string) Registrar {
	return &staticRegistrar{registry: r, addr: addr, invalid: checkInstance(service, addr)}
}

// Instancer implements [Registry].
func (r *staticRegistry) Instancer(service string) (sd.Instancer, error) {
	if err := checkService(service); err != nil {
		return nil, fmt.Errorf("discovery: instancer: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, fmt.Errorf("discovery: instancer: %w", ErrClosed)
	}
	i := &staticInstancer{broadcaster: newBroadcaster(r.subset), registry: r, service: service}
	i.update(slices.Clone(r.instances))
	r.instancers[i] = struct{}{}
	return i, nil
}

// Status implements [Registry].
func (r *staticRegistry) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	var s Status
	for i := range r.instancers {
		n, _ := i.count()
		s.Services = append(s.Services, ServiceStatus{Service: i.service, Instances: n})
	}
	sortServices(s.Services)
	return s
}

// Close implements [Registry].
func (r *staticRegistry) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for i := range r.instancers {
		i.close()
	}
	clear(r.instancers)
	return nil
}

func (r *staticRegistry) isClosed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

type staticInstancer struct {
	*broadcaster
	registry *staticRegistry
	service  string
}

// Stop ends all subscriptions. Further calls have no effect.
func (i *staticInstancer) Stop() {
	i.close()
	i.registry.mu.Lock()
	defer i.registry.mu.Unlock()
	delete(i.registry.instancers, i)
}

// location implements locator.
func (i *staticInstancer) location() (where, source string) {
	return "in the static list", "static list"
}

// failure implements locator.
func (i *staticInstancer) failure() string { return "" }

type staticRegistrar struct {
	registry *staticRegistry
	addr     string
	invalid  error // the error of Register for invalid arguments, else nil
}

// Register implements [Registrar]. It returns the errors that every kind of registry returns.
func (r *staticRegistrar) Register(ctx context.Context) error {
	if r.invalid != nil {
		return fmt.Errorf("discovery: register: %w", r.invalid)
	}
	err := ctx.Err()
	if err == nil && r.registry.isClosed() {
		err = ErrClosed
	}
	if err != nil {
		return fmt.Errorf("discovery: register %s: %w", r.addr, err)
	}
	return nil
}

// Deregister implements [Registrar]. It has no effect.
func (r *staticRegistrar) Deregister(context.Context) error { return nil }
