package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"

	"bookservice/discovery/internal/members"
)

// A Config configures a cluster. The zero value is one member with temporary data.
type Config struct {
	// Members is the number of members: 1 or 3. 0 means 1.
	Members int

	// Args are further arguments of each etcd. With the flag --cert-file, clients must use TLS.
	Args []string
}

// A Cluster is a running or stopped cluster of etcd processes. Its methods have the same meaning as
// those of a Cluster of package etcdembed, except that members are killed. All methods may be
// called concurrently. Methods that start or stop members wait for each other.
type Cluster struct {
	dir string

	mu      sync.Mutex // held while members are started or stopped
	members []*member
	closed  bool
}

// startTries is how often Start looks for free ports. It looks again if another process has taken
// one of them before a member listens on it.
const startTries = 5

// Start starts all members and waits until each of them answers. The context limits only the call.
// If no etcd is installed, the error wraps [exec.ErrNotFound]. The caller must call
// [Cluster.Close].
func Start(ctx context.Context, c Config) (*Cluster, error) {
	if c.Members == 0 {
		c.Members = 1
	}
	if c.Members != 1 && c.Members != 3 {
		return nil, fmt.Errorf("faults: start %d members: must be 1 or 3", c.Members)
	}
	path, err := exec.LookPath("etcd")
	if err != nil {
		return nil, fmt.Errorf("faults: start: %w", err)
	}
	dir, err := os.MkdirTemp("", "etcd-")
	if err != nil {
		return nil, fmt.Errorf("faults: start: %w", err)
	}
	cluster := &Cluster{dir: dir}
	for range startTries {
		if cluster.members, err = newMembers(path, dir, c); err != nil {
			break
		}
		err = cluster.start(ctx, false)
		if err == nil {
			return cluster, nil
		}
		if !strings.Contains(err.Error(), "address already in use") {
			break
		}
	}
	return nil, fmt.Errorf("faults: start: %w", errors.Join(err, cluster.Close()))
}

// newMembers returns members, not yet started, on free ports.
func newMembers(path, dir string, c Config) ([]*member, error) {
	layout, cluster, err := members.New(dir, c.Members)
	if err != nil {
		return nil, err
	}
	var all []*member
	for _, m := range layout {
		next := &member{Member: m}
		next.command(path, cluster, c.Args)
		all = append(all, next)
	}
	return all, nil
}

// start starts all members before it waits for the first one: the members of a new cluster become
// ready together. If one fails, it kills all.
func (c *Cluster) start(ctx context.Context, keepData bool) error {
	for _, m := range c.members {
		if err := m.start(keepData); err != nil {
			c.kill()
			return err
		}
	}
	for _, m := range c.members {
		if err := m.wait(ctx); err != nil {
			c.kill()
			return err
		}
	}
	return nil
}

func (c *Cluster) kill() {
	for _, m := range c.members {
		m.kill()
	}
}

// Endpoints returns the addresses for clients of all members as host:port, in a new slice. They
// never change.
func (c *Cluster) Endpoints() []string {
	endpoints := make([]string, 0, len(c.members))
	for _, m := range c.members {
		endpoints = append(endpoints, m.Client)
	}
	return endpoints
}

// Stop kills all members, which have no time to close connections or files. They keep their ports
// and data for [Cluster.Restart].
func (c *Cluster) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kill()
}

// StopMember kills member i, counted from 0 in the order of [Cluster.Endpoints]. If the member is
// stopped already, StopMember has no effect.
func (c *Cluster) StopMember(i int) error {
	return c.with(i, func(m *member) error {
		m.kill()
		return nil
	})
}

// StartMember starts member i, which was stopped, on the same ports and with its data. It waits
// until the member answers, which needs a majority of the members. If the member runs, StartMember
// has no effect.
func (c *Cluster) StartMember(ctx context.Context, i int) error {
	return c.with(i, func(m *member) error {
		if m.cmd != nil {
			return nil
		}
		if c.closed {
			return errors.New("faults: start member: the cluster is closed")
		}
		if err := m.start(true); err != nil {
			return fmt.Errorf("faults: start member: %w", err)
		}
		if err := m.wait(ctx); err != nil {
			m.kill()
			return fmt.Errorf("faults: start member: %w", err)
		}
		return nil
	})
}

// Pause stops the process of member i by SIGSTOP. It keeps its connections and answers nothing
// until [Cluster.Resume] is called. On systems other than Unix the error is
// [errors.ErrUnsupported].
func (c *Cluster) Pause(i int) error { return c.with(i, (*member).pause) }

// Resume ends [Cluster.Pause].
func (c *Cluster) Resume(i int) error { return c.with(i, (*member).resume) }

// Pid returns the process ID of member i, or 0 if it is stopped.
func (c *Cluster) Pid(i int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i < 0 || i >= len(c.members) || c.members[i].cmd == nil {
		return 0
	}
	return c.members[i].cmd.Process.Pid
}

// with calls a function for member i.
func (c *Cluster) with(i int, f func(*member) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i < 0 || i >= len(c.members) {
		return fmt.Errorf("faults: member %d: must be 0 to %d", i, len(c.members)-1)
	}
	return f(c.members[i])
}

// Restart kills the members that run and starts all members on the same ports, with or without
// their data. It waits until each of them answers.
func (c *Cluster) Restart(ctx context.Context, keepData bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return errors.New("faults: restart: the cluster is closed")
	}
	c.kill()
	if err := c.start(ctx, keepData); err != nil {
		return fmt.Errorf("faults: restart: %w", err)
	}
	return nil
}

// Close kills all members and removes their data. Further calls have no effect.
func (c *Cluster) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	c.closed = true
	c.kill()
	if err := os.RemoveAll(c.dir); err != nil {
		return fmt.Errorf("faults: close: %w", err)
	}
	return nil
}
