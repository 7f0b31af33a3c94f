package discovery

import (
	"context"
	"errors"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// An etcdInstancer follows the keys below one prefix and broadcasts the instances
// they name.
type etcdInstancer struct {
	*broadcaster
	registry *etcdRegistry
	prefix   string

	// Owned by the goroutine that follows etcd.
	view view

	cancel context.CancelFunc
	done   chan struct{}
}

func newEtcdInstancer(r *etcdRegistry, prefix string) *etcdInstancer {
	return &etcdInstancer{
		broadcaster: newBroadcaster(),
		registry:    r,
		prefix:      prefix,
		view:        view{prefix: prefix, patience: r.ttl},
		done:        make(chan struct{}),
	}
}

func (i *etcdInstancer) start(ctx context.Context) {
	ctx, i.cancel = context.WithCancel(ctx)
	go i.run(ctx)
}

// Stop ends the goroutine and all subscriptions. Stopping again is nothing.
func (i *etcdInstancer) Stop() {
	i.cancel()
	<-i.done
	i.close()
	i.registry.forget(i)
}

func (i *etcdInstancer) place() (where, source string) {
	source = i.registry.client.name
	return fmt.Sprintf("under %s on %s", i.prefix, source), source
}

// run reads all keys and then follows the changes, again and again: whatever ends
// the one is mended by the other.
func (i *etcdInstancer) run(ctx context.Context) {
	defer close(i.done)
	retry := retries{max: i.registry.ttl / 3}
	for {
		// Asked before reading: see connections.
		epoch := i.registry.client.connections.now()
		begin := time.Now()
		revision, err := i.read(ctx, epoch)
		if err == nil {
			if err = i.follow(ctx, epoch, revision+1); err != nil {
				i.registry.log.Debug("watch broken", "prefix", i.prefix, "err", err)
			}
		}
		if ctx.Err() != nil {
			return
		}
		// A watch that held for a while is no reason for ever longer pauses; one
		// that breaks at once is.
		if err == nil || time.Since(begin) > retry.max+i.registry.timeout {
			retry.reset()
		}
		if !pause(ctx, retry.next()) {
			return
		}
	}
}

// read takes over all keys as they are and returns their revision.
func (i *etcdInstancer) read(ctx, epoch context.Context) (revision int64, err error) {
	client := i.registry.client
	resp, err := ask(ctx, client, i.registry.timeout, func(ctx context.Context) (*clientv3.GetResponse, error) {
		return client.Get(ctx, i.prefix, clientv3.WithPrefix())
	})
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	if err != nil {
		i.view.broken = true
		if err = fmt.Errorf("discovery: %w", err); i.fail(err) {
			i.registry.log.Warn("instances not readable", "prefix", i.prefix, "err", err)
		}
		return 0, err
	}
	if epoch.Err() != nil {
		i.view.broken = true
	}
	i.view.replace(resp.Kvs, resp.Header.GetRevision(), time.Now())
	if i.failed() {
		i.registry.log.Info("instances readable", "prefix", i.prefix)
	}
	i.update(i.view.addresses())
	return resp.Header.GetRevision(), nil
}

// follow applies changes from revision on until the watch breaks, for whatever
// reason, or a connection that it may depend on has ended, which is no error.
func (i *etcdInstancer) follow(ctx, epoch context.Context, revision int64) error {
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	defer context.AfterFunc(epoch, cancel)()
	defer func() { i.view.broken = epoch.Err() != nil }()

	patience := time.After(i.view.left(time.Now()))
	changes := i.registry.client.Watch(ctx, i.prefix, clientv3.WithPrefix(), clientv3.WithRev(revision))
	for {
		select {
		case change, ok := <-changes:
			if err := change.Err(); err != nil {
				return err
			}
			if !ok && ctx.Err() == nil {
				return errors.New("watch closed")
			}
			if !ok {
				return nil
			}
			i.view.apply(change.Events)
		case <-patience:
			i.view.believe(time.Now())
		}
		i.update(i.view.addresses())
	}
}
