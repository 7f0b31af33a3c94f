package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"bookservice/discovery/discoverytest/faults"
)

// A fault disturbs etcd, or the connections to it.
type fault struct {
	name    string
	members int
	inject  func(context.Context, *world) error // returns at the end of the fault
}

// A world is an etcd that both systems use through the same proxies.
type world struct {
	cluster          *faults.Cluster
	raw              *clientv3.Client // past the proxies
	servers, clients proxies
	prefixes         []string // of the systems
}

// proxies has one proxy for each member.
type proxies []*faults.Proxy

func (p proxies) each(f func(*faults.Proxy)) {
	for _, proxy := range p {
		f(proxy)
	}
}

func (p proxies) addresses() []string {
	var all []string
	for _, proxy := range p {
		all = append(all, proxy.Address())
	}
	return all
}

const (
	brief = 2 * time.Second
	long  = ttl * 3 / 2 // long enough for leases to expire
)

func allFaults() []fault {
	return []fault{
		{"etcd killed, back after 2 s", 1, killed(brief, true)},
		{"etcd killed, back after 15 s", 1, killed(long, true)},
		{"etcd killed, back after 2 s without its data", 1, killed(brief, false)},
		{"etcd hangs for 15 s (SIGSTOP)", 1, func(ctx context.Context, w *world) error {
			return w.pause(ctx, 0, long)
		}},
		{"leader of three killed", 3, killLeader},
		{"each member of three hangs for 8 s in turn", 3, pauseEach},
		{"firewall forgets all connections", 1, func(_ context.Context, w *world) error {
			w.servers.each((*faults.Proxy).Forget)
			w.clients.each((*faults.Proxy).Forget)
			return nil
		}},
		{"no packet from or to etcd for 15 s", 1, func(ctx context.Context, w *world) error {
			return hold(ctx, w.servers, w.clients)
		}},
		{"only the servers are cut off, for 15 s", 1, func(ctx context.Context, w *world) error {
			return hold(ctx, w.servers)
		}},
		{"only the clients are cut off, history compacted", 1, compacted},
		{"one lease revoked", 1, revokeOne},
		{"one key deleted", 1, deleteOne},
		{"all keys deleted", 1, func(ctx context.Context, w *world) error {
			return w.forEach(func(prefix string) error {
				_, err := w.raw.Delete(ctx, prefix, clientv3.WithPrefix())
				return err
			})
		}},
		{"a value that is no address", 1, func(ctx context.Context, w *world) error {
			return w.forEach(func(prefix string) error {
				_, err := w.raw.Put(ctx, prefix+"bad", "no address")
				return err
			})
		}},
	}
}

// forEach calls a function with the prefix of each system.
func (w *world) forEach(f func(prefix string) error) error {
	var errs []error
	for _, prefix := range w.prefixes {
		errs = append(errs, f(prefix))
	}
	return errors.Join(errs...)
}

func killed(lasts time.Duration, keepData bool) func(context.Context, *world) error {
	return func(ctx context.Context, w *world) error {
		w.cluster.Stop()
		if err := wait(ctx, lasts); err != nil {
			return err
		}
		return w.cluster.Restart(ctx, keepData)
	}
}

func (w *world) pause(ctx context.Context, member int, lasts time.Duration) error {
	if err := w.cluster.Pause(member); err != nil {
		return err
	}
	return errors.Join(wait(ctx, lasts), w.cluster.Resume(member))
}

func pauseEach(ctx context.Context, w *world) error {
	for member := range 3 {
		if err := w.pause(ctx, member, 8*time.Second); err != nil {
			return err
		}
		if err := wait(ctx, brief); err != nil {
			return err
		}
	}
	return nil
}

func killLeader(ctx context.Context, w *world) error {
	for n, endpoint := range w.cluster.Endpoints() {
		s, err := w.raw.Status(ctx, endpoint)
		if err != nil {
			return err
		}
		if s.Leader == s.Header.MemberId {
			return w.cluster.StopMember(n)
		}
	}
	return errors.New("there is no leader")
}

func hold(ctx context.Context, all ...proxies) error {
	for _, p := range all {
		p.each((*faults.Proxy).Hold)
	}
	err := wait(ctx, long)
	for _, p := range all {
		p.each((*faults.Proxy).Release)
	}
	return err
}

func compacted(ctx context.Context, w *world) error {
	w.clients.each((*faults.Proxy).Cut)
	defer w.clients.each((*faults.Proxy).Restore)
	var revision int64
	for n := range 100 {
		for _, prefix := range w.prefixes { // the last value is that of a registered instance
			resp, err := w.raw.Put(ctx, prefix+"other", address((n+1)%instances))
			if err != nil {
				return err
			}
			revision = resp.Header.Revision
		}
	}
	if _, err := w.raw.Compact(ctx, revision, clientv3.WithCompactPhysical()); err != nil {
		return err
	}
	return wait(ctx, brief)
}

func revokeOne(ctx context.Context, w *world) error {
	return w.forEach(func(prefix string) error {
		resp, err := w.raw.Get(ctx, prefix+address(0))
		if err != nil {
			return err
		}
		if len(resp.Kvs) == 0 {
			return fmt.Errorf("there is no key %s%s", prefix, address(0))
		}
		_, err = w.raw.Revoke(ctx, clientv3.LeaseID(resp.Kvs[0].Lease))
		return err
	})
}

func deleteOne(ctx context.Context, w *world) error {
	return w.forEach(func(prefix string) error {
		_, err := w.raw.Delete(ctx, prefix+address(0))
		return err
	})
}

// wait waits for d, or returns an error when ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
