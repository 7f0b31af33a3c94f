package discovery

import (
	"context"
	"errors"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// A keeper is the goroutine that keeps one registration.
type keeper struct {
	registrar *etcdRegistrar
	every     time.Duration // between two checks
	limit     time.Duration // of one request
	lost      bool          // as far as the log knows

	cancel context.CancelFunc
	done   chan struct{}
}

func startKeeper(r *etcdRegistrar) *keeper {
	every := r.registry.ttl / 3
	k := &keeper{
		registrar: r,
		every:     every,
		limit:     min(r.registry.timeout, every),
		done:      make(chan struct{}),
	}
	var ctx context.Context
	ctx, k.cancel = context.WithCancel(r.registry.ctx)
	go k.run(ctx)
	return k
}

// stop returns when the keeper has sent its last request.
func (k *keeper) stop() {
	k.cancel()
	<-k.done
}

func (k *keeper) run(ctx context.Context) {
	defer close(k.done)
	retry := retries{max: k.every}
	for wait := k.every; pause(ctx, wait); {
		repaired, err := k.check(ctx)
		if ctx.Err() != nil {
			return
		}
		k.report(repaired, err)
		if wait = k.every; err != nil {
			wait = retry.next()
		} else {
			retry.reset()
		}
	}
}

// check prolongs the lease, looks whether the key is as it should be, and repairs
// what is not. The lease alone says nothing about the key.
func (k *keeper) check(ctx context.Context) (repaired bool, err error) {
	r, client := k.registrar, k.registrar.registry.client
	_, err = ask(ctx, client, k.limit, func(ctx context.Context) (*clientv3.LeaseKeepAliveResponse, error) {
		return client.KeepAliveOnce(ctx, r.lease)
	})
	if errors.Is(err, rpctypes.ErrLeaseNotFound) {
		return true, r.claim(ctx, k.limit)
	}
	if err != nil {
		return false, err
	}
	found, err := ask(ctx, client, k.limit, func(ctx context.Context) (*clientv3.GetResponse, error) {
		return client.Get(ctx, r.key)
	})
	if err != nil {
		return false, err
	}
	if len(found.Kvs) == 1 && string(found.Kvs[0].Value) == r.addr && clientv3.LeaseID(found.Kvs[0].Lease) == r.lease {
		return false, nil
	}
	return true, client.put(ctx, k.limit, r.key, r.addr, r.lease)
}

// report logs the beginning and the end of a loss, not every try between.
func (k *keeper) report(repaired bool, err error) {
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
		log.Info("registration back")
	}
}
