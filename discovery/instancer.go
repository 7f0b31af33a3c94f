package discovery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// An etcdInstancer watches the keys below one prefix and publishes the instances that they contain.
type etcdInstancer struct {
	*broadcaster
	registry *etcdRegistry
	service  string
	prefix   string

	// instances is used by the goroutine run alone.
	instances instanceSet

	fallenBack bool // the list is that of fallBack

	below     atomic.Value // string: instanceSet.below
	skipped   atomic.Int64 // number of keys whose value is no address
	kept      atomic.Int64 // number of stale instances
	confirmed atomic.Int64 // Unix time in ns of the last response
	watching  atomic.Bool  // the bytes of the connection confirm the list, too

	cancel context.CancelFunc
	done   chan struct{}
}

func newEtcdInstancer(r *etcdRegistry, prefix string) *etcdInstancer {
	return &etcdInstancer{
		broadcaster: newBroadcaster(r.subset),
		registry:    r,
		prefix:      prefix,
		instances:   instanceSet{prefix: prefix, gracePeriod: r.ttl, parse: r.parse},
		done:        make(chan struct{}),
	}
}

// fallBack sets the list that is published until etcd answers, if there is one.
func (i *etcdInstancer) fallBack(instances []string) {
	i.confirmed.Store(time.Now().UnixNano())
	if i.fallenBack = len(instances) > 0; i.fallenBack {
		i.update(slices.Clone(instances))
	}
}

func (i *etcdInstancer) status(now time.Time) ServiceStatus {
	confirmed := now.Sub(time.Unix(0, i.confirmed.Load()))
	if i.watching.Load() {
		confirmed = min(confirmed, now.Sub(i.registry.client.conns.lastHeard()))
	}
	n, err := i.count()
	return ServiceStatus{
		Service:   i.service,
		Instances: n,
		Kept:      int(i.kept.Load()),
		Skipped:   int(i.skipped.Load()),
		Age:       max(0, confirmed),
		Err:       err,
	}
}

func (i *etcdInstancer) start(ctx context.Context) {
	ctx, i.cancel = context.WithCancel(ctx)
	go i.run(ctx)
}

// Stop ends the goroutine and all subscriptions. Further calls have no effect.
func (i *etcdInstancer) Stop() {
	i.cancel()
	<-i.done
	i.close()
	i.registry.removeInstancer(i)
}

// location implements locator.
func (i *etcdInstancer) location() (where, source string) {
	source = i.registry.client.name
	where = fmt.Sprintf("under %s on %s", i.prefix, source)
	if below, _ := i.below.Load().(string); below != "" {
		where += fmt.Sprintf(", but a key below the longer prefix %q", shorten(below))
	}
	return where, source
}

// failure implements locator.
func (i *etcdInstancer) failure() string { return i.registry.client.failure.String() }

// run alternates full reads and watches. A broken watch is repaired by the next read.
func (i *etcdInstancer) run(ctx context.Context) {
	defer close(i.done)
	retry := retryBackoff{max: i.registry.ttl / 3}
	for {
		// The epoch is taken before the read: see connTracker.epoch.
		epoch := i.registry.client.conns.epoch()
		begin := time.Now()
		revision, err := i.read(ctx, epoch)
		if err == nil {
			if err = i.watch(ctx, epoch, revision+1); err != nil {
				i.registry.log.Debug("watch failed", "prefix", i.prefix, "err", err)
			}
		}
		if ctx.Err() != nil {
			return
		}
		// The pauses grow only if the watch fails soon after it was created.
		if err == nil || time.Since(begin) > retry.max+i.registry.timeout {
			retry.reset()
		}
		if !sleep(ctx, retry.next()) {
			return
		}
	}
}

// read replaces all instances by those in etcd and returns the revision of etcd.
func (i *etcdInstancer) read(ctx, epoch context.Context) (revision int64, err error) {
	client := i.registry.client
	resp, err := callLong(ctx, client, i.registry.timeout,
		func(ctx context.Context) (*clientv3.GetResponse, error) {
			return client.Get(ctx, i.prefix, clientv3.WithPrefix())
		})
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	if err != nil {
		i.instances.interrupted = true
		err = fmt.Errorf("discovery: %w", err)
		if i.registry.log.Enabled(ctx, slog.LevelWarn) {
			err = loggedError{err}
		}
		if i.fail(err) {
			i.registry.log.Warn("cannot read instances", "prefix", i.prefix, "err", err)
		}
		return 0, err
	}
	if epoch.Err() != nil {
		i.instances.interrupted = true
	}
	i.instances.replace(resp.Kvs, resp.Header.GetRevision(), time.Now())
	if i.failed() {
		i.registry.log.Info("reading instances works again", "prefix", i.prefix)
	}
	i.publishChanges()
	return resp.Header.GetRevision(), nil
}

// A loggedError is an error of an event that is also logged.
type loggedError struct{ error }

// Unwrap returns the error itself.
func (e loggedError) Unwrap() error { return e.error }

// Logged returns true: the receiver of the event need not log the error again.
func (loggedError) Logged() bool { return true }

// watch applies changes beginning at revision. It returns an error if the watch fails, and nil if
// ctx or epoch ends.
func (i *etcdInstancer) watch(ctx, epoch context.Context, revision int64) (err error) {
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	defer context.AfterFunc(epoch, cancel)()
	defer func() {
		i.instances.interrupted = epoch.Err() != nil ||
			err != nil && !errors.Is(err, rpctypes.ErrCompacted)
		i.instances.silentSince = i.registry.client.conns.lastHeard()
	}()

	i.watching.Store(true)
	defer func() { // until now the bytes of the connection have confirmed the list
		heard := i.registry.client.conns.lastHeard().UnixNano()
		i.confirmed.Store(max(i.confirmed.Load(), heard))
		i.watching.Store(false)
	}()
	graceEnd := time.NewTimer(i.instances.graceLeft(time.Now()))
	defer graceEnd.Stop()
	responses := i.registry.client.Watch(ctx, i.prefix,
		clientv3.WithPrefix(), clientv3.WithRev(revision))
	for {
		select {
		case resp, ok := <-responses:
			if err := resp.Err(); err != nil {
				return err
			}
			if !ok && ctx.Err() == nil {
				return errors.New("watch channel was closed")
			}
			if !ok {
				return nil
			}
			i.instances.apply(resp.Events, time.Now())
		case <-graceEnd.C:
			i.instances.endGrace(time.Now())
		}
		graceEnd.Reset(i.instances.graceLeft(time.Now()))
		i.publishChanges()
	}
}

// manyChanges is the number of changes from which on sorting the list costs less than inserting
// each of them.
const manyChanges = 200

// publishChanges publishes the list if it has changed. The status is that of the list before any
// subscriber receives it.
func (i *etcdInstancer) publishChanges() {
	i.confirmed.Store(time.Now().UnixNano())
	i.kept.Store(int64(len(i.instances.stale)))
	i.below.Store(i.instances.below)
	i.countSkipped()
	if touched := i.instances.takeTouched(); len(touched) > manyChanges || i.fallenBack {
		i.fallenBack = false
		i.update(i.instances.addresses())
	} else {
		i.change(touched, i.instances.listed)
	}
}

// countSkipped counts the values that are skipped, and logs one of them if none was before.
func (i *etcdInstancer) countSkipped() {
	skipped := len(i.instances.skipped)
	if i.skipped.Swap(int64(skipped)) > 0 {
		return
	}
	for key, err := range i.instances.skipped {
		i.registry.log.Warn("skipping values that are no address of an instance",
			"prefix", i.prefix, "count", skipped, "key", shorten(key), "err", err)
		break
	}
}

// maxLoggedKey is how many bytes of a foreign key are logged.
const maxLoggedKey = 200

func shorten(key string) string {
	if len(key) <= maxLoggedKey {
		return key
	}
	return strings.ToValidUTF8(key[:maxLoggedKey], "") + "…"
}
