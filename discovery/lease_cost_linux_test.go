package discovery_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"bookservice/discovery/internal/testkit"
)

// cpu returns the processor time that a process has used.
func (p *process) cpu(t *testing.T) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), ") ")
	var ticks int
	for _, field := range strings.Fields(after)[11:13] { // utime and stime, of 10 ms each
		n, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// Keeping 1,000 registrations costs etcd at most twice what the leases alone cost if the etcd
// client keeps them.
func TestCostOfKeepingLeases(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	const leases, keepTTL, period = 1000, 3 * time.Second, 9 * time.Second
	p := startProcesses(t, 1)[0]
	e := etcdOf(t, p)
	used := func() time.Duration {
		before := p.cpu(t)
		testkit.Always(t, period, "etcd runs", func() bool { return true })
		return p.cpu(t) - before
	}
	rest := used()

	client, err := clientv3.New(clientv3.Config{
		Endpoints: addresses([]*process{p}), Logger: zap.NewNop(),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx := testkit.Context(t, 4*limit)
	for n := range leases {
		grant, err := client.Grant(ctx, int64(keepTTL/time.Second))
		if err != nil {
			t.Fatal(err)
		}
		key := fmt.Sprint("/raw/", n)
		if _, err := client.Put(ctx, key, "", clientv3.WithLease(grant.ID)); err != nil {
			t.Fatal(err)
		}
		responses, err := client.KeepAlive(ctx, grant.ID)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for range responses {
			}
		}()
	}
	stream := used() - rest
	client.Close()
	testkit.Eventually(t, "the leases expired", func() bool {
		resp, err := e.raw.Leases(ctx)
		return err == nil && len(resp.Leases) == 0
	})

	c := config(p.client)
	c.TTL = keepTTL
	r := open(t, c)
	var registering sync.WaitGroup
	for n := range leases {
		registering.Go(func() {
			addr := fmt.Sprintf("10.0.%d.%d:5000", n/250, n%250)
			if err := r.Registrar("", addr).Register(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	registering.Wait()
	ours := used() - rest
	t.Logf("processor time of etcd in %s: %s at rest, %s more for %d leases of the etcd client, "+
		"%s more for ours", period, rest, stream, leases, ours)
	if ours > 2*stream {
		t.Errorf("have %s, want at most twice %s", ours, stream)
	}
}
