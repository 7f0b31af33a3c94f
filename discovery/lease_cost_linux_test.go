package discovery_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"bookservice/discovery/internal/testkit"
)

// cpu returns the processor time that a process has used.
func cpu(t *testing.T, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
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

// keptLeases and keptTTL are those of TestCostOfKeepingLeases.
const (
	keptLeases = 1000
	keptTTL    = 3 * time.Second
)

// keepByStream keeps leases, each with a key, on the stream of the etcd client.
func keepByStream(ctx context.Context, t *testing.T, endpoints []string) {
	t.Helper()
	client := rawClient(t, endpoints...)
	for n := range keptLeases {
		grant, err := client.Grant(ctx, int64(keptTTL/time.Second))
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
}

// keepByRegistry keeps as many registrations.
func keepByRegistry(ctx context.Context, t *testing.T, endpoints []string) {
	t.Helper()
	c := config(endpoints...)
	c.TTL = keptTTL
	r := open(t, c)
	var registering sync.WaitGroup
	for n := range keptLeases {
		registering.Go(func() {
			addr := fmt.Sprintf("10.0.%d.%d:5000", n/250, n%250)
			if err := r.Registrar("", addr).Register(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	registering.Wait()
}

// separate is the number of registrations that have a connection each, as those of servers do.
const separate = 200

func keepSeparately(ctx context.Context, t *testing.T, endpoints []string) {
	t.Helper()
	c := config(endpoints...)
	c.TTL = keptTTL
	for n := range separate {
		addr := fmt.Sprintf("10.1.0.%d:5000", n)
		if err := open(t, c).Registrar("", addr).Register(ctx); err != nil {
			t.Error(err)
		}
	}
}

// Keeping 1,000 registrations costs etcd at most twice what the leases alone cost if the etcd
// client keeps them. All are measured at the same time, each with an etcd of its own.
func TestCostOfKeepingLeases(t *testing.T) {
	testkit.Slow(t)
	const period = 2 * keptTTL
	ctx := testkit.Context(t, 4*limit)
	var pids []int
	for _, keep := range []func(context.Context, *testing.T, []string){
		func(context.Context, *testing.T, []string) {}, // an etcd at rest
		keepByStream,
		keepByRegistry,
		keepSeparately,
	} {
		p := startProcesses(t, 1)
		keep(ctx, t, p.Endpoints())
		pids = append(pids, p.Pid(0))
	}
	testkit.Always(t, keptTTL, "each lease was renewed", func() bool { return true })
	used := make([]time.Duration, len(pids))
	for n, pid := range pids {
		used[n] = -cpu(t, pid)
	}
	testkit.Always(t, period, "etcd runs", func() bool { return true })
	for n, pid := range pids {
		used[n] += cpu(t, pid)
	}
	rest, stream, ours := used[0], used[1]-used[0], used[2]-used[0]
	t.Logf("processor time of etcd in %s: %s at rest, %s more for %d leases of the etcd client, "+
		"%s more for ours", period, rest, stream, keptLeases, ours)
	const renewals = 3 * period / keptTTL // of one lease
	t.Logf("each renewal: %s for the etcd client, %s for ours, %s with a connection each",
		stream/renewals/keptLeases, ours/renewals/keptLeases, (used[3]-rest)/renewals/separate)
	if ours > 2*stream {
		t.Errorf("have %s, want at most twice %s", ours, stream)
	}
}
