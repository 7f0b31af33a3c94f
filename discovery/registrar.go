package discovery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// An etcdRegistrar registers one key in etcd.
type etcdRegistrar struct {
	registry *etcdRegistry
	key      string
	addr     string
	invalid  error // the error of Register for invalid arguments, else nil

	// sem is a semaphore that Register, Deregister and close hold while they work. Unlike a mutex,
	// it can be waited for until a context ends.
	sem chan struct{}

	// keeper is nil if the key is not registered. It is guarded by sem.
	keeper *leaseKeeper

	// lease is NoLease if there is no lease to revoke. While the keeper runs it is used by the
	// keeper alone, otherwise it is guarded by sem.
	lease clientv3.LeaseID
}

func newEtcdRegistrar(r *etcdRegistry, key, addr string) *etcdRegistrar {
	return &etcdRegistrar{registry: r, key: key, addr: addr, sem: make(chan struct{}, 1)}
}

// Register implements [Registrar].
func (r *etcdRegistrar) Register(ctx context.Context) error {
	if r.invalid != nil {
		return fmt.Errorf("discovery: register: %w", r.invalid)
	}
	if err := r.register(ctx); err != nil {
		return fmt.Errorf("discovery: register %s: %w", r.addr, err)
	}
	return nil
}

func (r *etcdRegistrar) register(ctx context.Context) error {
	ctx, cancel := r.untilClosed(ctx)
	defer cancel()
	if err := r.acquire(ctx); err != nil {
		return err
	}
	defer r.release()
	if r.registry.ctx.Err() != nil {
		return ErrClosed
	}
	if r.keeper != nil {
		return nil
	}
	// A lease that an earlier Deregister could not revoke expires by itself: claim moves the key to
	// a new lease.
	r.lease = clientv3.NoLease
	if err := r.claim(ctx, r.registry.timeout); err != nil {
		r.revokeInBackground()
		return err
	}
	r.keeper = startLeaseKeeper(r)
	return nil
}

// untilClosed returns a copy of ctx that also ends when the registry is closed.
func (r *etcdRegistrar) untilClosed(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	detach := context.AfterFunc(r.registry.ctx, func() { cancel(ErrClosed) })
	return ctx, func() {
		detach()
		cancel(nil)
	}
}

// claim grants a lease and puts the key under it. It stores the lease before it puts the key, so
// that revoking r.lease always removes the key. This includes a put that etcd executes after claim
// has returned an error: etcd rejects a put under a revoked lease.
func (r *etcdRegistrar) claim(ctx context.Context, timeout time.Duration) error {
	client, seconds := r.registry.client, int64(r.registry.ttl/time.Second)
	grant, err := call(ctx, client, timeout,
		func(ctx context.Context) (*clientv3.LeaseGrantResponse, error) {
			return client.Grant(ctx, seconds)
		})
	if err != nil {
		return err
	}
	r.lease = grant.ID
	return client.put(ctx, timeout, r.key, r.addr, r.lease)
}

// revokeInBackground revokes the lease of a claim that has failed. It does not delay the caller,
// whose context may have ended.
func (r *etcdRegistrar) revokeInBackground() {
	lease := r.lease
	if r.lease = clientv3.NoLease; lease == clientv3.NoLease {
		return
	}
	r.registry.background.Go(func() {
		if err := r.revoke(context.Background(), lease); err != nil {
			r.registry.log.Debug("cannot revoke lease, it expires after its TTL",
				"key", r.key, "err", err)
		}
	})
}

// Deregister implements [Registrar].
func (r *etcdRegistrar) Deregister(ctx context.Context) error {
	if r.invalid != nil {
		return nil // Register has always failed
	}
	err := r.acquire(ctx)
	if err == nil {
		defer r.release()
		err = r.deregister(ctx)
	}
	if err != nil {
		return fmt.Errorf("discovery: deregister %s: %w", r.addr, err)
	}
	return nil
}

// deregister stops the keeper before it revokes the lease, so that the keeper cannot restore the
// key.
func (r *etcdRegistrar) deregister(ctx context.Context) error {
	if r.keeper != nil {
		r.keeper.stop()
		r.keeper = nil
	}
	if r.lease == clientv3.NoLease {
		return nil
	}
	if err := r.revoke(ctx, r.lease); err != nil {
		return err
	}
	r.lease = clientv3.NoLease
	return nil
}

// close deregisters the instance when the registry is closed. It does not repeat a Deregister that
// has failed.
func (r *etcdRegistrar) close() error {
	r.sem <- struct{}{}
	defer r.release()
	if r.keeper == nil {
		r.lease = clientv3.NoLease
		return nil
	}
	err := r.deregister(context.Background())
	r.lease = clientv3.NoLease
	if err != nil {
		return fmt.Errorf("deregister %s: %w", r.addr, err)
	}
	return nil
}

func (r *etcdRegistrar) revoke(ctx context.Context, lease clientv3.LeaseID) error {
	client := r.registry.client
	_, err := call(ctx, client, r.registry.timeout,
		func(ctx context.Context) (*clientv3.LeaseRevokeResponse, error) {
			return client.Revoke(ctx, lease)
		})
	if errors.Is(err, rpctypes.ErrLeaseNotFound) {
		return nil
	}
	return err
}

// acquire acquires the semaphore, or returns an error when ctx ends. If the semaphore is free, it
// succeeds even if ctx has ended: a call that sends no request to etcd does not depend on ctx.
func (r *etcdRegistrar) acquire(ctx context.Context) error {
	select {
	case r.sem <- struct{}{}:
		return nil
	default:
	}
	select {
	case r.sem <- struct{}{}:
		return nil
	case <-ctx.Done():
		return contextError(ctx)
	}
}

func (r *etcdRegistrar) release() { <-r.sem }
