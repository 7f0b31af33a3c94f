package discovery

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/go-kit/kit/sd"
)

// staticRegistry serves one fixed list under every service name.
type staticRegistry struct {
	instances []string

	mu         sync.Mutex
	closed     bool
	instancers map[*staticInstancer]struct{}
}

func openStatic(c Config, _ options) (Registry, error) {
	return &staticRegistry{
		instances:  slices.Clone(c.Instances),
		instancers: map[*staticInstancer]struct{}{},
	}, nil
}

// Registrar returns a registrar that checks its arguments and does nothing.
func (r *staticRegistry) Registrar(service, addr string) Registrar {
	return &staticRegistrar{registry: r, addr: addr, invalid: checkInstance(service, addr)}
}

// Instancer returns an instancer of the list.
func (r *staticRegistry) Instancer(service string) (sd.Instancer, error) {
	if err := checkService(service); err != nil {
		return nil, fmt.Errorf("discovery: instancer: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, fmt.Errorf("discovery: instancer: %w", ErrClosed)
	}
	i := &staticInstancer{broadcaster: newBroadcaster(), registry: r}
	i.update(slices.Clone(r.instances))
	r.instancers[i] = struct{}{}
	return i, nil
}

// Close stops the instancers.
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
}

// Stop ends all subscriptions. Stopping again is nothing.
func (i *staticInstancer) Stop() {
	i.close()
	i.registry.mu.Lock()
	defer i.registry.mu.Unlock()
	delete(i.registry.instancers, i)
}

func (i *staticInstancer) place() (where, source string) {
	return "in the static list", "static list"
}

type staticRegistrar struct {
	registry *staticRegistry
	addr     string
	invalid  error
}

// Register fails only for what would fail with every kind.
func (r *staticRegistrar) Register(ctx context.Context) error {
	err := r.invalid
	if err == nil {
		err = ctx.Err()
	}
	if err == nil && r.registry.isClosed() {
		err = ErrClosed
	}
	if err != nil {
		return fmt.Errorf("discovery: register %s: %w", r.addr, err)
	}
	return nil
}

// Deregister does nothing.
func (r *staticRegistrar) Deregister(context.Context) error { return nil }
