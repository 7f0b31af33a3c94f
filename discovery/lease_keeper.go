package discovery

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// errOwned is wrapped by the error of a check that finds the key under the lease of another
// process.
var errOwned = errors.New("another process has registered the address")

// A leaseKeeper is a goroutine that renews the lease of one registration and restores its key. If
// the key is under the lease of another process, the keeper leaves it alone until that lease ends.
type leaseKeeper struct {
	registrar *etcdRegistrar
	interval  time.Duration // between two checks
	timeout   time.Duration // of one request
	lost      bool          // a loss was logged, and no recovery since
	doubted   bool          // a check that learned nothing was logged, and no recovery since
	renewals  int           // since the key was last read
	pending   bool          // has not registered yet: Config.Register is "background"

	changed   chan struct{} // has a capacity of one; receives a value when the key has changed
	onChange  retryBackoff  // of checks because the key has changed
	afterTime bool          // the present check is at its time, and not because of a change

	cancel context.CancelFunc
	done   chan struct{}
}

// startLeaseKeeper starts a keeper. If pending is set, the keeper also creates the registration.
func startLeaseKeeper(r *etcdRegistrar, pending bool) *leaseKeeper {
	interval := r.registry.ttl / 3
	k := &leaseKeeper{
		registrar: r,
		interval:  interval,
		timeout:   min(r.registry.timeout, interval),
		pending:   pending,
		changed:   make(chan struct{}, 1),
		onChange:  retryBackoff{max: interval},
		done:      make(chan struct{}),
	}
	var ctx context.Context
	ctx, k.cancel = context.WithCancel(r.registry.ctx)
	go k.run(ctx)
	return k
}

// stop ends the goroutine. After it has returned, the keeper sends no request.
func (k *leaseKeeper) stop() {
	k.cancel()
	<-k.done
}

func (k *leaseKeeper) run(ctx context.Context) {
	defer close(k.done)
	k.registrar.registry.keepers.Add(1)
	defer k.registrar.registry.keepers.Add(-1)
	var watching sync.WaitGroup
	defer watching.Wait()
	if k.registrar.registry.fewKeepers() {
		watching.Go(func() { k.watch(ctx) })
	}
	retry := retryBackoff{max: k.interval}
	wait := k.interval
	if k.pending {
		wait = 0
	}
	for k.sleep(ctx, k.align(wait)) {
		repaired, err := k.check(ctx)
		if ctx.Err() != nil {
			return
		}
		k.report(repaired, err)
		if k.afterTime && !repaired && err == nil {
			k.onChange.reset()
		}
		switch wait = k.interval; {
		case err == nil:
			retry.reset()
		case !errors.Is(err, errOwned):
			wait = retry.next()
		}
	}
}

// sleep waits for d, or until the key has changed, and returns true. It returns false when ctx
// ends.
func (k *leaseKeeper) sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		k.afterTime = true
		return true
	case <-k.changed:
		k.afterTime = false
		k.renewals = readEvery // read the key
		// The pause limits the rate at which a key is restored that is changed again and again. It
		// grows until a check at its time has found nothing to restore.
		return sleep(ctx, k.onChange.next())
	case <-ctx.Done():
		return false
	}
}

// watch watches the key until ctx ends. The start of a watch counts as a change, because the key
// may have changed before. A watch that fails, or that misses a change because etcd has lost its
// data, delays the next check only to its normal time.
func (k *leaseKeeper) watch(ctx context.Context) {
	client, retry := k.registrar.registry.client, retryBackoff{max: k.interval}
	for {
		for response := range client.Watch(ctx, k.registrar.key, clientv3.WithCreatedNotify()) {
			if len(response.Events) == 0 && !response.Created {
				continue
			}
			retry.reset()
			select {
			case k.changed <- struct{}{}:
			default:
			}
		}
		if !sleep(ctx, retry.next()) {
			return
		}
	}
}

// manyKeepers is the number of registrations of one process from which on their requests are sent
// together, several times in an interval, and the keys are not watched. Both costs etcd less.
const manyKeepers = 16

// align shortens a wait so that keepers of one process wake together.
func (k *leaseKeeper) align(wait time.Duration) time.Duration {
	if k.registrar.registry.fewKeepers() {
		return wait
	}
	tick := int64(k.interval / 4)
	late := (time.Now().UnixNano() + int64(wait)) % tick
	return max(wait-time.Duration(late), wait/2)
}

// readEvery is how many renewals there are for each read of the key. A read costs more than a
// renewal.
const readEvery = 3

// check renews the lease, and puts the key again if it was deleted or changed. It reads the key
// from time to time, because the key can be lost while the lease exists.
func (k *leaseKeeper) check(ctx context.Context) (repaired bool, err error) {
	r, client := k.registrar, k.registrar.registry.client
	if k.pending {
		if err := r.claim(ctx, k.timeout); err != nil {
			return false, err
		}
		return true, nil
	}
	err = client.renew(ctx, k.timeout, r.lease)
	repaired = errors.Is(err, rpctypes.ErrLeaseNotFound)
	if repaired {
		err = r.grant(ctx, k.timeout)
	}
	if err != nil {
		return repaired, err
	}
	if k.renewals++; k.renewals < readEvery && !repaired && !k.lost && !k.doubted {
		return false, nil
	}
	k.renewals = 0
	kv, err := k.read(ctx)
	if err != nil {
		return repaired, err
	}
	if kv == nil {
		kv = &mvccpb.KeyValue{}
	}
	switch owner := clientv3.LeaseID(kv.Lease); {
	case owner == r.lease && string(kv.Value) == r.value:
		return repaired, nil
	case owner != clientv3.NoLease && owner != r.lease && owner != r.formerLease:
		return repaired, fmt.Errorf("%w: key %s is under lease %x", errOwned, r.key, kv.Lease)
	}
	return true, k.restore(ctx, kv.ModRevision)
}

// read returns the key, or nil if it does not exist.
func (k *leaseKeeper) read(ctx context.Context) (*mvccpb.KeyValue, error) {
	registry := k.registrar.registry
	if registry.fewKeepers() {
		return registry.keys.getOne(ctx, k.timeout, k.registrar.key)
	}
	return registry.keys.getTogether(ctx, k.registrar.key)
}

// restore puts the key, unless another process has written it since it was read at a revision.
func (k *leaseKeeper) restore(ctx context.Context, revision int64) error {
	r, client := k.registrar, k.registrar.registry.client
	resp, err := call(ctx, client, k.timeout,
		func(ctx context.Context) (*clientv3.TxnResponse, error) {
			return client.Txn(ctx).
				If(clientv3.Compare(clientv3.ModRevision(r.key), "=", revision)).
				Then(clientv3.OpPut(r.key, r.value, clientv3.WithLease(r.lease))).
				Else(clientv3.OpGet(r.key)).
				Commit()
		})
	if err == nil && !resp.Succeeded && !r.owns(resp.Responses[0].GetResponseRange().GetKvs()) {
		err = fmt.Errorf("key %s was changed by another process", r.key)
	}
	return err
}

// owns reports whether a read of the key has found the registration, as after a repetition of a put
// whose response was lost.
func (r *etcdRegistrar) owns(kvs []*mvccpb.KeyValue) bool {
	return len(kvs) == 1 &&
		clientv3.LeaseID(kvs[0].Lease) == r.lease && string(kvs[0].Value) == r.value
}

// report stores the state of the registration. It logs when the registration is lost or in doubt,
// and when it is known to be in etcd again, and no attempt in between.
func (k *leaseKeeper) report(repaired bool, err error) {
	k.registrar.setState(err)
	log := k.registrar.registry.log.With("key", k.registrar.key)
	switch {
	case err != nil && !k.doubted && k.pending:
		k.doubted = true
		log.Warn("cannot register yet", "err", err)
	case err == nil && k.pending:
		k.doubted, k.pending = false, false
		log.Info("registered")
	case k.pending:
	default:
		k.reportLoss(repaired, err)
	}
}

// reportLoss tells a loss, which a check has seen, from a check that failed: then the key and its
// lease may still be in etcd.
func (k *leaseKeeper) reportLoss(repaired bool, err error) {
	log := k.registrar.registry.log.With("key", k.registrar.key)
	attrs := []any{}
	if err != nil {
		attrs = append(attrs, "err", err)
	}
	switch lost := repaired || errors.Is(err, errOwned); {
	case lost && !k.lost:
		k.lost = true
		log.Warn("registration lost", attrs...)
	case !lost && err != nil && !k.lost && !k.doubted:
		k.doubted = true
		log.Warn("registration not confirmed", attrs...)
	}
	switch {
	case err != nil:
		return
	case k.lost:
		log.Info("registration restored")
	case k.doubted:
		log.Info("registration confirmed")
	}
	k.lost, k.doubted = false, false
}
