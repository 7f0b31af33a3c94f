package discovery

import (
	"context"
	"errors"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// A leaseKeeper is a goroutine that renews the lease of one registration and restores its key.
type leaseKeeper struct {
	registrar *etcdRegistrar
	interval  time.Duration // between two checks
	timeout   time.Duration // of one request
	lost      bool          // a loss was logged, and no recovery since

	cancel context.CancelFunc
	done   chan struct{}
}

func startLeaseKeeper(r *etcdRegistrar) *leaseKeeper {
	interval := r.registry.ttl / 3
	k := &leaseKeeper{
		registrar: r,
		interval:  interval,
		timeout:   min(r.registry.timeout, interval),
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
	retry := retryBackoff{max: k.interval}
	for wait := k.interval; sleep(ctx, wait); {
		repaired, err := k.check(ctx)
		if ctx.Err() != nil {
			return
		}
		k.report(repaired, err)
		if wait = k.interval; err != nil {
			wait = retry.next()
		} else {
			retry.reset()
		}
	}
}

// check renews the lease, and puts the key again if it was deleted or changed. It reads the key
// because the key can be lost while the lease exists.
func (k *leaseKeeper) check(ctx context.Context) (repaired bool, err error) {
	r, client := k.registrar, k.registrar.registry.client
	_, err = call(ctx, client, k.timeout,
		func(ctx context.Context) (*clientv3.LeaseKeepAliveResponse, error) {
			return client.KeepAliveOnce(ctx, r.lease)
		})
	if errors.Is(err, rpctypes.ErrLeaseNotFound) {
		return true, r.claim(ctx, k.timeout)
	}
	if err != nil {
		return false, err
	}
	found, err := call(ctx, client, k.timeout,
		func(ctx context.Context) (*clientv3.GetResponse, error) {
			return client.Get(ctx, r.key)
		})
	if err != nil {
		return false, err
	}
	if len(found.Kvs) == 1 && string(found.Kvs[0].Value) == r.addr &&
		clientv3.LeaseID(found.Kvs[0].Lease) == r.lease {
		return false, nil
	}
	return true, client.put(ctx, k.timeout, r.key, r.addr, r.lease)
}

// report logs when a registration is lost and when it is restored, and no attempt in between.
func (k *leaseKeeper) report(repaired bool, err error) {
	log := k.registrar.registry.log.With("key", k.registrar.key)
	if (repaired || err != nil) && !k.lost {
		k.lost = true
		attrs := []any{}
		if err != nil {
			attrs = append(attrs, "err", err)
		}
		log.Warn("registration lost", attrs...)
	}
	if err == nil && k.lost {
		k.lost = false
		log.Info("registration restored")
	}
}
