package etcdembed_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"bookservice/discovery/etcdembed"
	"bookservice/discovery/internal/leakcheck"
	"bookservice/discovery/internal/testkit"
)

// limit is the time for starting a cluster and for a request on a busy machine.
const limit = 30 * time.Second

// TestMain fails if a cluster leaves a goroutine.
func TestMain(m *testing.M) { os.Exit(leakcheck.Run(m)) }

func start(t *testing.T, c etcdembed.Config) *etcdembed.Cluster {
	t.Helper()
	cluster, err := etcdembed.Start(testkit.Context(t, limit), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Close(); err != nil {
			t.Error(err)
		}
	})
	return cluster
}

func client(t *testing.T, endpoints ...string) *clientv3.Client {
	t.Helper()
	c, err := clientv3.New(clientv3.Config{Endpoints: endpoints, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// put repeats a put that fails because the leader was stopped: the etcd client does not.
func put(t *testing.T, c *clientv3.Client, key string) {
	t.Helper()
	ctx := testkit.Context(t, limit)
	_, err := c.Put(ctx, key, "v")
	for leaderLost(err) && ctx.Err() == nil {
		_, err = c.Put(ctx, key, "v")
	}
	if err != nil {
		t.Fatal(err)
	}
}

func leaderLost(err error) bool {
	return errors.Is(err, rpctypes.ErrTimeoutDueToLeaderFail) || errors.Is(err, rpctypes.ErrTimeout)
}

func count(t *testing.T, c *clientv3.Client, key string) int64 {
	t.Helper()
	resp, err := c.Get(testkit.Context(t, limit), key)
	if err != nil {
		t.Fatal(err)
	}
	return resp.Count
}

func TestStartReturnsAClusterThatAnswers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		members int
		want    int
	}{
		{"default", 0, 1},
		{"three", 3, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cluster := start(t, etcdembed.Config{Members: test.members})
			if have := len(cluster.Endpoints()); have != test.want {
				t.Fatalf("have %d endpoints, want %d", have, test.want)
			}
			if have, want := cluster.ClientURL(), "http://"+cluster.Endpoints()[0]; have != want {
				t.Errorf("have %s, want %s", have, want)
			}
			for _, endpoint := range cluster.Endpoints() {
				put(t, client(t, endpoint), "/k")
			}
		})
	}
}

func TestStartChecksTheNumberOfMembers(t *testing.T) {
	for _, members := range []int{-1, 2, 4} {
		if _, err := etcdembed.Start(t.Context(), etcdembed.Config{Members: members}); err == nil {
			t.Errorf("%d members: have no error, want one", members)
		}
	}
}

func TestStartEndsWithItsContext(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	cluster, err := etcdembed.Start(ctx, etcdembed.Config{Members: 3, Dir: dir})
	if err == nil {
		cluster.Close()
		t.Fatal("have no error, want one: the context has ended")
	}
}

func TestShortLeases(t *testing.T) {
	t.Parallel()
	c := client(t, start(t, etcdembed.Config{}).Endpoints()...)
	lease, err := c.Grant(testkit.Context(t, limit), 2)
	if err != nil {
		t.Fatal(err)
	}
	if lease.TTL != 2 {
		t.Errorf("have a lease of %d s, want 2 s", lease.TTL)
	}
}

func TestRestartKeepsOrRemovesTheData(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	cluster := start(t, etcdembed.Config{})
	c := client(t, cluster.Endpoints()...)
	put(t, c, "/k")
	endpoint := cluster.Endpoints()[0]

	cluster.Stop()
	refuses(t, endpoint)
	if err := cluster.Restart(testkit.Context(t, limit), true); err != nil {
		t.Fatal(err)
	}
	if have := cluster.Endpoints()[0]; have != endpoint {
		t.Errorf("have endpoint %s after a restart, want %s", have, endpoint)
	}
	if have := count(t, c, "/k"); have != 1 {
		t.Errorf("restart with data: have %d keys, want 1", have)
	}

	if err := cluster.Restart(testkit.Context(t, limit), false); err != nil {
		t.Fatal(err)
	}
	if have := count(t, c, "/k"); have != 0 {
		t.Errorf("restart without data: have %d keys, want 0", have)
	}
}

// By itself, etcd waits up to 5 s for open watches to end and, in a cluster of several members, for
// another member to become the leader. The first happens by chance: hence the rounds.
func TestStopClosesOpenConnectionsAtOnce(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	for _, test := range []struct{ members, rounds int }{{1, 10}, {3, 1}} {
		t.Run(fmt.Sprint(test.members), func(t *testing.T) {
			t.Parallel()
			cluster := start(t, etcdembed.Config{Members: test.members})
			for range test.rounds {
				for _, endpoint := range cluster.Endpoints() {
					c := client(t, endpoint)
					put(t, c, "/k") // connects
					<-c.Watch(t.Context(), "/", clientv3.WithPrefix(), clientv3.WithRev(1))
				}
				begin := time.Now()
				cluster.Stop()
				if took := time.Since(begin); took > 4*time.Second {
					t.Fatalf("Stop took %s, want less than 4s", took)
				}
				if err := cluster.Restart(testkit.Context(t, limit), true); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// refuses fails the test if one of the endpoints accepts a connection.
func refuses(t *testing.T, endpoints ...string) {
	t.Helper()
	for _, endpoint := range endpoints {
		if conn, err := net.Dial("tcp", endpoint); err == nil {
			conn.Close()
			t.Errorf("have a connection to %s, want an error", endpoint)
		}
	}
}

func TestFailedRestartLeavesNoMemberRunning(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	t.Run("context has ended", func(t *testing.T) {
		t.Parallel()
		cluster := start(t, etcdembed.Config{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := cluster.Restart(ctx, true); !errors.Is(err, context.Canceled) {
			t.Errorf("have %v, want context.Canceled", err)
		}
		refuses(t, cluster.Endpoints()...)
	})
	t.Run("port is in use", func(t *testing.T) {
		t.Parallel()
		cluster := start(t, etcdembed.Config{Members: 3})
		endpoints := cluster.Endpoints()
		cluster.Stop()
		l, err := net.Listen("tcp", endpoints[2])
		if err != nil {
			t.Fatal(err)
		}
		err = cluster.Restart(testkit.Context(t, 500*time.Millisecond), true)
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("have %v, want context.DeadlineExceeded and EADDRINUSE", err)
		}
		refuses(t, endpoints[:2]...)
		time.AfterFunc(200*time.Millisecond, func() { l.Close() })
		if err := cluster.Restart(testkit.Context(t, limit), true); err != nil {
			t.Errorf("have %v after the port was released, want nil", err)
		}
	})
}

func TestTwoOfThreeMembersAnswer(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	cluster := start(t, etcdembed.Config{Members: 3})
	for _, i := range []int{-1, 3} {
		if err := cluster.StopMember(i); err == nil {
			t.Errorf("stop member %d: have no error, want one", i)
		}
	}
	for range 2 { // the second call has no effect
		if err := cluster.StopMember(0); err != nil {
			t.Fatal(err)
		}
	}
	put(t, client(t, cluster.Endpoints()[1:]...), "/k")
	if err := cluster.Restart(testkit.Context(t, limit), true); err != nil {
		t.Fatal(err)
	}
	if have := count(t, client(t, cluster.Endpoints()[0]), "/k"); have != 1 {
		t.Errorf("have %d keys on the member that was stopped, want 1", have)
	}
}

func TestCloseRemovesTemporaryDataOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	cluster := start(t, etcdembed.Config{Dir: dir})
	for range 2 {
		if err := cluster.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(dir); err != nil {
		t.Errorf("the folder of the caller was removed: %v", err)
	}
	if err := cluster.Restart(t.Context(), true); err == nil {
		t.Error("restart after Close: have no error, want one")
	}

	t.Setenv("TMPDIR", t.TempDir())
	if err := start(t, etcdembed.Config{}).Close(); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(os.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if len(left) > 0 {
		t.Errorf("have %d entries in the temporary folder after Close, want 0", len(left))
	}
}

// childEnv is set in the process that TestNothingIsWritten starts.
const childEnv = "ETCDEMBED_TEST_CHILD"

// The cluster runs in a process of its own, because etcd and gRPC get their output files when the
// process starts.
func TestNothingIsWritten(t *testing.T) {
	testkit.Slow(t)
	if os.Getenv(childEnv) != "" {
		cluster := start(t, etcdembed.Config{})
		c := client(t, cluster.Endpoints()...)
		put(t, c, "/k")
		if err := cluster.Restart(testkit.Context(t, limit), true); err != nil {
			t.Fatal(err)
		}
		put(t, c, "/k")
		return
	}
	t.Parallel()
	test, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx := testkit.Context(t, 2*limit)
	child := exec.CommandContext(ctx, test, "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), childEnv+"=1")
	out, err := child.CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) { // package testing writes PASS
		if line != "PASS\n" && !strings.HasPrefix(line, "coverage: ") {
			t.Errorf("have output %q, want none", line)
		}
	}
}
