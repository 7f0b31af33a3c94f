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

// Config says what to start. The zero value is one member with temporary data.
type Config struct {
	// Members is how many members the cluster has: 1 or 3; 0 means 1.
	Members int

	// Dir is where the members keep their data. When it is empty a temporary
	// folder is made and Close removes it; a folder that is named stays, and a
	// later Start on it with as many members finds new ports and therefore
	// begins without the old data.
	Dir string
}

// Cluster is a running or stopped etcd. All methods may be called by several
// goroutines; those that start or stop members take turns.
type Cluster struct {
	dir       string
	temporary bool

	mu      sync.Mutex // held while members start and stop
	members []*member
	closed  bool
}

// startTries is how often Start looks for other ports when somebody else took
// one of those it had found.
const startTries = 10

// Start starts all members and returns when each of them answers. The context
// bounds the start only; the cluster runs until Close, which the caller owes.
func Start(ctx context.Context, c Config) (*Cluster, error) {
	if c.Members == 0 {
		c.Members = 1
	}
	if c.Members != 1 && c.Members != 3 {
		return nil, fmt.Errorf("etcdembed: %d members (want 1 or 3)", c.Members)
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

// boot finds ports and starts on them, again with others when it lost a race
// for one of them.
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

// start starts every member before it waits for any: the members of a new
// cluster become ready only together. When one fails, none is left running.
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

// Endpoints returns the client addresses of all members as host:port. They stay
// the same for the life of the cluster, and belong to the caller.
func (c *Cluster) Endpoints() []string {
	endpoints := make([]string, 0, len(c.members))
	for _, m := range c.members {
		endpoints = append(endpoints, m.client)
	}
	return endpoints
}

// ClientURL returns the address of the first member as http://host:port.
func (c *Cluster) ClientURL() string { return "http://" + c.members[0].client }

// Stop stops all members at once and keeps their ports and data for Restart.
func (c *Cluster) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stop()
}

// StopMember stops member i, counted from 0 in the order of Endpoints, and
// leaves the others alone. A member that is stopped already stays so.
func (c *Cluster) StopMember(i int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i < 0 || i >= len(c.members) {
		return fmt.Errorf("etcdembed: stop member %d (have 0 to %d)", i, len(c.members)-1)
	}
	c.members[i].stop()
	return nil
}

// Restart stops what still runs and starts all members on their old ports, with
// the data they had or with none. It returns when each of them answers. Until
// ctx is over it waits for a port that somebody else has taken meanwhile.
func (c *Cluster) Restart(ctx context.Context, keepData bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return errors.New("etcdembed: restart: cluster is closed")
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

// Close stops all members and removes temporary data. Closing twice is nothing.
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
