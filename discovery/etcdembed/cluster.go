package etcdembed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"
)

// A Config configures a cluster. The zero value is one member with temporary data.
type Config struct {
	// Members is the number of members: 1 or 3. 0 means 1.
	Members int

	// Dir is the folder for the data of the members. If it is empty, the data is in a temporary
	// folder, which Close removes. Close does not remove Dir. Start removes the data that an
	// earlier cluster has left in Dir.
	Dir string
}

// A Cluster is a running or stopped etcd cluster. All methods may be called concurrently. Methods
// that start or stop members wait for each other.
type Cluster struct {
	dir       string
	temporary bool

	mu      sync.Mutex // held while members are started or stopped
	members []*member
	closed  bool
}

// startTries is how often Start looks for free ports. It looks again if another process has taken
// one of them before a member listens on it.
const startTries = 10

// Start starts all members and waits until each of them answers. The context limits only the call.
// The caller must call [Cluster.Close].
func Start(ctx context.Context, c Config) (*Cluster, error) {
	if c.Members == 0 {
		c.Members = 1
	}
	if c.Members != 1 && c.Members != 3 {
		return nil, fmt.Errorf("etcdembed: start %d members: must be 1 or 3", c.Members)
	}
	cluster, err := newCluster(c)
	if err != nil {
		return nil, fmt.Errorf("etcdembed: %w", err)
	}
	if err := cluster.boot(ctx, c.Members); err != nil {
		return nil, fmt.Errorf("etcdembed: start: %w", errors.Join(err, cluster.Close()))
	}
	return cluster, nil
}

func newCluster(c Config) (*Cluster, error) {
	if c.Dir != "" {
		return &Cluster{dir: c.Dir}, os.MkdirAll(c.Dir, 0o700)
	}
	dir, err := os.MkdirTemp("", "etcdembed-")
	return &Cluster{dir: dir, temporary: true}, err
}

// boot starts members on free ports. It tries other ports if one is not free any more.
func (c *Cluster) boot(ctx context.Context, members int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var err error
	for range startTries {
		if c.members, err = newMembers(c.dir, members); err != nil {
			return err
		}
		if err = c.start(ctx, false); !errors.Is(err, syscall.EADDRINUSE) {
			return err
		}
	}
	return err
}

// start starts all members before it waits for the first one: the members of a new cluster become
// ready together. If one fails, it stops all.
func (c *Cluster) start(ctx context.Context, keepData bool) error {
	for _, m := range c.members {
		if err := m.start(keepData); err != nil {
			c.stop()
			return err
		}
	}
	for _, m := range c.members {
		if err := m.wait(ctx); err != nil {
			c.stop()
			return err
		}
	}
	return nil
}

func (c *Cluster) stop() {
	var stopping sync.WaitGroup
	for _, m := range c.members {
		stopping.Go(m.stop)
	}
	stopping.Wait()
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

// ClientURL returns the address for clients of the first member as http://host:port.
func (c *Cluster) ClientURL() string { return "http://" + c.members[0].Client }

// Stop stops all members. They keep their ports and data for [Cluster.Restart].
func (c *Cluster) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stop()
}

// StopMember stops member i, counted from 0 in the order of [Cluster.Endpoints]. If the member is
// stopped already, StopMember has no effect.
func (c *Cluster) StopMember(i int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i < 0 || i >= len(c.members) {
		return fmt.Errorf("etcdembed: stop member %d: must be 0 to %d", i, len(c.members)-1)
	}
	c.members[i].stop()
	return nil
}

// Restart stops the members that run and starts all members on the same ports, with or without
// their data. It waits until each of them answers. If another process uses one of the ports,
// Restart tries again until ctx ends.
func (c *Cluster) Restart(ctx context.Context, keepData bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return errors.New("etcdembed: restart: the cluster is closed")
	}
	c.stop()
	for {
		err := c.start(ctx, keepData)
		if err == nil {
			return nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return fmt.Errorf("etcdembed: restart: %w", err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("etcdembed: restart: %w: %w", ctx.Err(), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Close stops all members and removes temporary data. Further calls have no effect.
func (c *Cluster) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	c.closed = true
	c.stop()
	if !c.temporary {
		return nil
	}
	if err := os.RemoveAll(c.dir); err != nil {
		return fmt.Errorf("etcdembed: close: %w", err)
	}
	return nil
}
