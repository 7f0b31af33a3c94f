package discovery_test

import (
	"errors"
	"os/exec"
	"slices"
	"testing"
	"time"

	"bookservice/discovery/discoverytest/faults"
	"bookservice/discovery/internal/testkit"
)

// startProcesses starts a cluster of the etcd that is installed, which may be an older release than
// that of package etcdembed. It skips the test if there is none.
func startProcesses(t *testing.T, members int, args ...string) *faults.Cluster {
	t.Helper()
	c := faults.Config{Members: members, Args: args}
	cluster, err := faults.Start(testkit.Context(t, 2*limit), c)
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("etcd is not installed: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cluster.Close() })
	return cluster
}

func pause(t *testing.T, c *faults.Cluster, member int) {
	t.Helper()
	err := c.Pause(member)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("processes cannot be paused here")
	}
	if err != nil {
		t.Fatal(err)
	}
}

func resume(t *testing.T, c *faults.Cluster, member int) {
	t.Helper()
	if err := c.Resume(member); err != nil {
		t.Fatal(err)
	}
}

func startProxy(t *testing.T, target string) *faults.Proxy {
	t.Helper()
	p, err := faults.StartProxy(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// putSoon is put for an etcd that may have no leader.
func (e *etcd) putSoon(t *testing.T, key, value string) {
	t.Helper()
	testkit.Eventually(t, "etcd accepts a key", func() bool {
		_, err := e.raw.Put(testkit.Context(t, time.Second), key, value)
		return err == nil
	})
}

// leader returns the index of the leader.
func (e *etcd) leader(t *testing.T, endpoints []string) int {
	t.Helper()
	leader := -1
	testkit.Eventually(t, "there is a leader", func() bool {
		leader = slices.IndexFunc(endpoints, func(endpoint string) bool {
			s, err := e.raw.Status(testkit.Context(t, limit), endpoint)
			return err == nil && s.Leader == s.Header.MemberId
		})
		return leader >= 0
	})
	return leader
}
