package discovery

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// An etcdRegistrar registers one key in etcd.
type etcdRegistrar struct {
	registry *etcdRegistry
	service  string
	key      string
	addr     string
	value    string // of the key
	invalid  error  // the error of Register for invalid arguments, else nil

	// sem is a semaphore that Register, Deregister and close hold while they work. Unlike a mutex,
	// it can be waited for until a context ends.
	sem chan struct{}

	// keeper is nil if the key is not registered. It is guarded by sem.
	keeper *leaseKeeper

	// lease is NoLease if there is no lease to revoke. While the keeper runs it is used by the
	// keeper alone, otherwise it is guarded by sem.
	lease clientv3.LeaseID

	// formerLease is the lease before lease. A key under it is that of this registrar.
	formerLease clientv3.LeaseID

	// claimed reports whether claim has succeeded since the last Deregister: instancers may list
	// the instance. It is guarded as lease is.
	claimed bool

	mu    sync.Mutex
	state registrationState
}

// A registrationState is what is known about a registration since the last request.
type registrationState struct {
	wanted     bool  // Register was called, and Deregister not since
	registered bool  // the last check has found or put the key
	err        error // of the last check
	since      time.Time
}

// setState stores the result of Register or of a check.
func (r *etcdRegistrar) setState(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.state.wanted || r.state.registered != (err == nil) {
		r.state.since = time.Now()
	}
	r.state.wanted, r.state.registered, r.state.err = true, err == nil, err
}

// status returns the state, and false if the instance is not to be registered.
func (r *etcdRegistrar) status() (RegistrationStatus, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return RegistrationStatus{
		Service:    r.service,
		Address:    r.addr,
		Registered: r.state.registered,
		Err:        r.state.err,
		Since:      r.state.since,
	}, r.state.wanted
}

func (r *etcdRegistrar) clearState() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state = registrationState{}
}

func newEtcdRegistrar(r *etcdRegistry, key, addr string) *etcdRegistrar {
	return &etcdRegistrar{
		registry: r,
		key:      key,
		addr:     addr,
		value:    formatValue(addr, r.metadata),
		sem:      make(chan struct{}, 1),
	}
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
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.registry.timeout)
		defer cancel()
	}
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
	if r.registry.registerInBackground {
		r.setState(errPending)
		r.keeper = startLeaseKeeper(r, true)
		return nil
	}
	if err := r.claim(ctx, unlimited); err != nil {
		r.revokeInBackground()
		return err
	}
	r.setState(nil)
	r.registry.log.Info("registered", "key", r.key)
	r.keeper = startLeaseKeeper(r, false)
	return nil
}

// errPending is the error in the state of a registration that no request was sent for yet.
var errPending = errors.New("not registered yet")

// untilClosed returns a copy of ctx that also ends when the registry is closed.
func (r *etcdRegistrar) untilClosed(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	detach := context.AfterFunc(r.registry.ctx, func() { cancel(ErrClosed) })
	return ctx, func() {
		detach()
		cancel(nil)
	}
}

// claim grants a lease and puts the key under it, whoever has registered it before: a process that
// has ended may be the one before this one, and its lease may not have expired yet. Claim stores
// the lease before it puts the key, so that revoking r.lease always removes the key. This includes
// a put that etcd executes after claim has returned an error: etcd rejects a put under a revoked
// lease.
func (r *etcdRegistrar) claim(ctx context.Context, timeout time.Duration) error {
	client := r.registry.client
	for {
		if err := r.grant(ctx, timeout); err != nil {
			return err
		}
		former, err := client.put(ctx, timeout, r.key, r.value, r.lease)
		if errors.Is(err, rpctypes.ErrLeaseNotFound) && ctx.Err() == nil {
			continue // the lease has expired while etcd did not answer
		}
		if err != nil {
			return err
		}
		r.claimed = true
		if r.isForeign(former.GetLease()) {
			r.registry.log.Info("replaced the registration of another process", "key", r.key)
		}
		return nil
	}
}

// isForeign reports whether a lease is that of another process.
func (r *etcdRegistrar) isForeign(lease int64) bool {
	id := clientv3.LeaseID(lease)
	return id != clientv3.NoLease && id != r.lease && id != r.formerLease
}

// grant grants a lease and stores it.
func (r *etcdRegistrar) grant(ctx context.Context, timeout time.Duration) error {
	client, seconds := r.registry.client, int64(r.registry.ttl/time.Second)
	grant, err := call(ctx, client, timeout,
		func(ctx context.Context) (*clientv3.LeaseGrantResponse, error) {
			return client.Grant(ctx, seconds)
		})
	if err != nil {
		return err
	}
	r.formerLease, r.lease = r.lease, grant.ID
	return nil
}

// revokeInBackground revokes the lease of a claim that has failed. It does not delay the caller,
// whose context may have ended.
func (r *etcdRegistrar) revokeInBackground() {
	lease := r.lease
	if r.lease = clientv3.NoLease; lease == clientv3.NoLease {
		return
	}
	r.registry.background.Go(func() {
		if _, err := r.leave(context.Background(), lease); err != nil {
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
		r.clearState()
	}
	if r.lease == clientv3.NoLease {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, r.registry.timeout)
	defer cancel()
	gone, err := r.leave(ctx, r.lease)
	if err == nil && gone && r.claimed {
		err = r.returnAndLeave(ctx)
	}
	if err != nil {
		return err
	}
	r.lease, r.formerLease, r.claimed = clientv3.NoLease, r.lease, false
	return nil
}

// returnAndLeave creates the key, which has vanished, and removes it again. Instancers may list the
// instance still, because they assume that its server will restore the key.
func (r *etcdRegistrar) returnAndLeave(ctx context.Context) error {
	client, timeout := r.registry.client, r.registry.timeout
	if err := r.grant(ctx, timeout); err != nil {
		r.registry.log.Debug("cannot report the end of an instance", "key", r.key, "err", err)
		return nil // there is no key
	}
	_, err := call(ctx, client, timeout,
		func(ctx context.Context) (*clientv3.TxnResponse, error) {
			return client.Txn(ctx).
				If(clientv3.Compare(clientv3.Version(r.key), "=", 0)).
				Then(clientv3.OpPut(r.key, r.value, clientv3.WithLease(r.lease))).
				Commit()
		})
	if err != nil {
		r.registry.log.Debug("cannot report the end of an instance", "key", r.key, "err", err)
	}
	_, err = r.leave(ctx, r.lease)
	return err
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

// leave writes the key again, unless another process has registered it, and revokes the lease,
// which removes the key. The second write tells instancers that the lease does not expire: see
// instanceSet. Leave ends after the timeout of the registry, and an etcd that does not execute the
// first step gets at most half of the time. It reports whether the key was gone before.
func (r *etcdRegistrar) leave(ctx context.Context, lease clientv3.LeaseID) (gone bool, err error) {
	client, timeout := r.registry.client, r.registry.timeout
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	end, _ := ctx.Deadline()
	resp, err := call(ctx, client, time.Until(end)/2,
		func(ctx context.Context) (*clientv3.TxnResponse, error) {
			return client.Txn(ctx).
				If(clientv3.Compare(clientv3.LeaseValue(r.key), "=", lease)).
				Then(clientv3.OpPut(r.key, r.value, clientv3.WithLease(lease))).
				Else(clientv3.OpGet(r.key, clientv3.WithKeysOnly())).
				Commit()
		})
	switch {
	case err != nil:
		r.registry.log.Debug("cannot write key before its end", "key", r.key, "err", err)
	case !resp.Succeeded:
		gone = len(resp.Responses) > 0 && len(resp.Responses[0].GetResponseRange().GetKvs()) == 0
	}
	_, err = call(ctx, client, timeout,
		func(ctx context.Context) (*clientv3.LeaseRevokeResponse, error) {
			return client.Revoke(ctx, lease)
		})
	if errors.Is(err, rpctypes.ErrLeaseNotFound) {
		return gone, nil
	}
	return gone, err
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
