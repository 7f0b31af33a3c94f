package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// A plan has faults that begin one after the other.
type plan struct {
	calm   time.Duration // before the first fault
	gap    time.Duration // time until what was stopped is started again
	faults []fault
}

// A fault disturbs the servers or etcd.
type fault struct {
	name   string
	lasts  time.Duration // until the next fault, at least
	inject func(context.Context, *world, plan) error
}

// planFor returns the plan with all faults.
func planFor(total time.Duration) plan {
	unit := total / 60
	return plan{4 * unit, 2 * unit, []fault{
		{"a server killed, back after 2 s", 6 * unit, killServer},
		{"a server terminated, back after 2 s", 6 * unit, terminateServer},
		{"a server stopped for good (SIGSTOP), another one after 2 s", 13 * unit, stopServer},
		{"a proxy forgets a server's connections", 7 * unit, forgetConnections},
		{"a server restarted", 6 * unit, restartServer},
		{"leader of etcd killed, back after 2 s", 6 * unit, killLeader},
		{"leader of etcd killed again", 6 * unit, killLeader},
		{"a member of etcd stopped for 4 s (SIGSTOP)", 6 * unit, pauseMember},
	}}
}

// The indexes of the servers in a world. The connections of one pass a proxy.
const (
	firstServer = iota
	secondServer
	proxiedServer
)

func killServer(ctx context.Context, w *world, p plan) error {
	s := w.servers[firstServer]
	if err := s.end(ctx, syscall.SIGKILL); err != nil {
		return err
	}
	if err := wait(ctx, p.gap); err != nil {
		return err
	}
	return s.start(ctx)
}

func terminateServer(ctx context.Context, w *world, p plan) error {
	s := w.servers[secondServer]
	if err := s.end(ctx, syscall.SIGTERM); err != nil {
		return err
	}
	if err := wait(ctx, p.gap); err != nil {
		return err
	}
	return s.start(ctx)
}

func stopServer(ctx context.Context, w *world, p plan) error {
	if err := w.servers[firstServer].signal(syscall.SIGSTOP); err != nil {
		return err
	}
	if err := wait(ctx, p.gap); err != nil {
		return err
	}
	other, err := w.newServer("")
	if err != nil {
		return err
	}
	return other.start(ctx)
}

func forgetConnections(_ context.Context, w *world, _ plan) error {
	w.proxy.Forget()
	return nil
}

func restartServer(ctx context.Context, w *world, _ plan) error {
	s := w.servers[proxiedServer]
	if err := s.end(ctx, syscall.SIGTERM); err != nil {
		return err
	}
	return s.start(ctx)
}

func killLeader(ctx context.Context, w *world, p plan) error {
	leader, err := w.leader(ctx)
	if err != nil {
		return err
	}
	if err := w.etcd.StopMember(leader); err != nil {
		return err
	}
	if err := wait(ctx, p.gap); err != nil {
		return err
	}
	return w.etcd.StartMember(ctx, leader)
}

// pauseMember pauses a member that is not the leader.
func pauseMember(ctx context.Context, w *world, p plan) error {
	leader, err := w.leader(ctx)
	if err != nil {
		return err
	}
	member := (leader + 1) % members
	if err := w.etcd.Pause(member); err != nil {
		return err
	}
	return errors.Join(wait(ctx, 2*p.gap), w.etcd.Resume(member))
}

// leader returns the index of the leader. It asks again while there is an election.
func (w *world) leader(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, setupLimit)
	defer cancel()
	for {
		for n, endpoint := range w.etcd.Endpoints() {
			if isLeader(ctx, w.raw, endpoint) {
				return n, nil
			}
		}
		if err := wait(ctx, pollInterval); err != nil {
			return 0, fmt.Errorf("etcd has no leader: %w", err)
		}
	}
}

func isLeader(ctx context.Context, c *clientv3.Client, endpoint string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	s, err := c.Status(ctx, endpoint)
	return err == nil && s.Leader == s.Header.MemberId
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
