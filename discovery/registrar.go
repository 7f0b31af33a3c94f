package discovery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// An etcdRegistrar keeps one key in etcd.
type etcdRegistrar struct {
	registry *etcdRegistry
	key      string
	addr     string
	invalid  error // why Register refuses the arguments, nil when they are good

	// turn holds one token. Register, Deregister and close work while they have
	// it; a channel, unlike a mutex, is given up on when a context is over.
	turn chan struct{}

	// Owned by who has the turn.
	keeper *keeper // nil when not registered

	// Owned by the keeper while it runs, else by who has the turn.
	lease clientv3.LeaseID // NoLease when there is nothing to revoke
}

func newEtcdRegistrar(r *etcdRegistry, key, addr string) *etcdRegistrar {
	registrar := &etcdRegistrar{registry: r, key: key, addr: addr, turn: make(chan struct{}, 1)}
	registrar.turn <- struct{}{}
	return registrar
}

// Register implements Registrar.
func (r *etcdRegistrar) Register(ctx context.Context) error {
	if err := r.register(ctx); err != nil {
		return fmt.Errorf("discovery: register %s: %w", r.addr, err)
	}
	return nil
}

func (r *etcdRegistrar) register(ctx context.Context) error {
	if r.invalid != nil {
		return r.invalid
	}
	ctx, cancel := r.scope(ctx)
	defer cancel()
	if err := r.takeTurn(ctx); err != nil {
		return err
	}
	defer r.giveTurn()
	if r.registry.ctx.Err() != nil {
		return ErrClosed
	}
	if r.keeper != nil {
		return nil
	}
	// A lease that an earlier Deregister could not revoke is left to run out: the
	// key moves to the new one.
	r.lease = clientv3.NoLease
	if err := r.claim(ctx, r.registry.timeout); err != nil {
		r.abandon()
		return err
	}
	r.keeper = startKeeper(r)
	return nil
}

// scope returns a context that is also over when the registry is closed.
func (r *etcdRegistrar) scope(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	detach := context.AfterFunc(r.registry.ctx, func() { cancel(ErrClosed) })
	return ctx, func() {
		detach()
		cancel(nil)
	}
}

// claim grants a lease and puts the key under it. The lease is noted before the
// key is put: whoever revokes it afterwards removes the key as well, even one
// that etcd writes after this call gave up, since etcd refuses a lease that is
// gone.
func (r *etcdRegistrar) claim(ctx context.Context, limit time.Duration) error {
	client, seconds := r.registry.client, int64(r.registry.ttl/time.Second)
	grant, err := ask(ctx, client, limit, func(ctx context.Context) (*clientv3.LeaseGrantResponse, error) {
		return client.Grant(ctx, seconds)
	})
	if err != nil {
		return err
	}
	r.lease = grant.ID
	return client.put(ctx, limit, r.key, r.addr, r.lease)
}

// abandon revokes the lease of a claim that failed, without keeping the caller,
// whose context may be over.
func (r *etcdRegistrar) abandon() {
	lease := r.lease
	if r.lease = clientv3.NoLease; lease == clientv3.NoLease {
		return
	}
	r.registry.loose.Go(func() {
		if err := r.revoke(context.Background(), lease); err != nil {
			r.registry.log.Debug("lease left to run out", "key", r.key, "err", err)
		}
	})
}

// Deregister implements Registrar.
func (r *etcdRegistrar) Deregister(ctx context.Context) error {
	err := r.takeTurn(ctx)
	if err == nil {
		defer r.giveTurn()
		err = r.deregister(ctx)
	}
	if err != nil {
		return fmt.Errorf("discovery: deregister %s: %w", r.addr, err)
	}
	return nil
}

// deregister stops the keeper before it revokes the lease, so that the key cannot
// come back.
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

// close deregisters for the registry's Close. What Deregister has tried before
// is not tried again.
func (r *etcdRegistrar) close() error {
	<-r.turn
	defer r.giveTurn()
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
	_, err := ask(ctx, client, r.registry.timeout, func(ctx context.Context) (*clientv3.LeaseRevokeResponse, error) {
		return client.Revoke(ctx, lease)
	})
	if errors.Is(err, rpctypes.ErrLeaseNotFound) {
		return nil
	}
	return err
}

// takeTurn prefers the turn to the end of ctx, so that a call with nothing to ask
// of etcd succeeds whatever its context.
func (r *etcdRegistrar) takeTurn(ctx context.Context) error {
	select {
	case <-r.turn:
		return nil
	default:
	}
	select {
	case <-r.turn:
		return nil
	case <-ctx.Done():
		return ended(ctx)
	}
}

func (r *etcdRegistrar) giveTurn() { r.turn <- struct{}{} }
