package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-kit/kit/sd"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"bookservice/discovery/discoverytest/faults"
)

// limits are the times of a measurement, after the end of the fault.
type limits struct {
	// least is how long it lasts at least. Leases that were not renewed have expired then.
	least time.Duration

	back   time.Duration // limits the wait for registrations and for complete lists
	change time.Duration // limits the wait for a later change
}

func allLimits() limits {
	return limits{least: ttl + 3*time.Second, back: 4 * ttl, change: ttl}
}

const pollInterval = 50 * time.Millisecond

// A result is what one fault has cost one system.
type result struct {
	empty, short time.Duration // of the client's list
	back, change time.Duration // or never
}

// measure runs both systems through a fault, on an etcd of its own.
func measure(ctx context.Context, f fault, l limits) (results []result, err error) {
	w, err := newWorld(ctx, f.members)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	var lists []*listObserver
	var keys []*keyObserver
	for n, s := range systems() {
		i, stop, err := openSystem(ctx, s, setup{
			w.prefixes[n], w.servers.addresses(), w.clients.addresses(),
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		defer func() { _ = stop() }() // etcd may be out of order
		list := observeList(i)
		defer list.stop()
		lists = append(lists, list)
		keys = append(keys, &keyObserver{w: w, prefix: w.prefixes[n]})
	}
	if err := waitFor(ctx, setupLimit, func() bool { return allComplete(lists) }); err != nil {
		return nil, fmt.Errorf("lists before the fault: %w", err)
	}
	if err := w.warmUp(ctx, lists); err != nil {
		return nil, fmt.Errorf("a change before the fault: %w", err)
	}
	if err := runFault(ctx, w, f, l, lists, keys); err != nil {
		return nil, err
	}
	return w.results(ctx, l.change, lists, keys)
}

// openSystem opens a system within a limit. Calls of go-kit have none.
func openSystem(
	ctx context.Context, s system, where setup,
) (i sd.Instancer, stop func() error, err error) {
	ctx, cancel := context.WithTimeout(ctx, setupLimit)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		i, stop, err = s.open(ctx, where)
	}()
	select {
	case <-done:
		return i, stop, err
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
}

// warmUp makes a change that all clients see, as there are in a real system.
func (w *world) warmUp(ctx context.Context, lists []*listObserver) error {
	const added = "10.0.2.1:8080"
	for n, prefix := range w.prefixes {
		if _, err := w.raw.Put(ctx, prefix+added, added); err != nil {
			return err
		}
		err := waitFor(ctx, setupLimit, func() bool { return lists[n].has(added) })
		if err != nil {
			return err
		}
		if _, err := w.raw.Delete(ctx, prefix+added); err != nil {
			return err
		}
		err = waitFor(ctx, setupLimit, func() bool { return !lists[n].has(added) })
		if err != nil {
			return err
		}
	}
	return nil
}

// runFault injects the fault, and observes both systems until they have recovered.
func runFault(
	ctx context.Context, w *world, f fault, l limits, lists []*listObserver, keys []*keyObserver,
) error {
	observing, cancel := context.WithCancel(ctx)
	var polling sync.WaitGroup
	defer polling.Wait()
	defer cancel()
	for n := range lists {
		lists[n].begin()
		polling.Go(func() { keys[n].poll(observing) })
	}
	if err := f.inject(ctx, w); err != nil {
		return err
	}
	for _, k := range keys {
		k.faultEnds()
	}
	if err := wait(ctx, l.least); err != nil {
		return err
	}
	err := waitFor(ctx, l.back-l.least, func() bool {
		return allComplete(lists) && !slices.ContainsFunc(keys, (*keyObserver).missing)
	})
	if errors.Is(err, errLimit) {
		return nil // which the results say
	}
	return err
}

// results makes a change, which the clients should see, and returns what was observed.
func (w *world) results(
	ctx context.Context, limit time.Duration, lists []*listObserver, keys []*keyObserver,
) ([]result, error) {
	all := make([]result, len(lists))
	for n := range all {
		all[n].empty, all[n].short = lists[n].end()
		all[n].back = keys[n].back()
	}
	const added = "10.0.1.1:8080"
	grant, err := w.raw.Grant(ctx, int64(2*ttl/time.Second))
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	for n := range all {
		all[n].change = never
		_, err := w.raw.Put(ctx, w.prefixes[n]+added, added, clientv3.WithLease(grant.ID))
		if err != nil {
			return nil, err
		}
	}
	err = waitFor(ctx, limit, func() bool {
		pending := false
		for n := range all {
			if all[n].change == never && lists[n].has(added) {
				all[n].change = time.Since(begin)
			}
			pending = pending || all[n].change == never
		}
		return !pending
	})
	if err != nil && !errors.Is(err, errLimit) {
		return nil, err
	}
	return all, nil
}

var errLimit = errors.New("not within the limit")

// waitFor polls until ok returns true. It returns errLimit after the limit.
func waitFor(ctx context.Context, limit time.Duration, ok func() bool) error {
	end := time.Now().Add(limit)
	for !ok() {
		if time.Now().After(end) {
			return fmt.Errorf("%w of %s", errLimit, limit)
		}
		if err := wait(ctx, pollInterval/5); err != nil {
			return err
		}
	}
	return nil
}

func newWorld(ctx context.Context, members int) (*world, error) {
	cluster, err := faults.Start(ctx, faults.Config{Members: members})
	if err != nil {
		return nil, err
	}
	w := &world{cluster: cluster, prefixes: []string{"/ours/", "/kit/"}}
	w.raw, err = clientv3.New(clientv3.Config{
		Endpoints: cluster.Endpoints(), Logger: zap.NewNop(),
	})
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	for _, endpoint := range cluster.Endpoints() {
		for _, to := range []*proxies{&w.servers, &w.clients} {
			p, err := faults.StartProxy(endpoint)
			if err != nil {
				return nil, errors.Join(err, w.close())
			}
			*to = append(*to, p)
		}
	}
	return w, nil
}

func (w *world) close() error {
	if w.raw != nil {
		_ = w.raw.Close() // nothing is left to be sent
	}
	w.servers.each((*faults.Proxy).Close)
	w.clients.each((*faults.Proxy).Close)
	return w.cluster.Close()
}
