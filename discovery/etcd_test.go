package discovery

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"bookservice/discovery/discoverytest/faults"
	"bookservice/discovery/etcdembed"
	"bookservice/discovery/internal/testkit"
)

// A cluster is an etcd cluster of any kind.
type cluster interface {
	Endpoints() []string
	Close() error
}

// openEmbedded returns a registry that uses an embedded etcd.
func openEmbedded(t *testing.T) *etcdRegistry {
	t.Helper()
	c, err := etcdembed.Start(testkit.Context(t, 30*time.Second), etcdembed.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return openWith(t, c)
}

func openWith(t *testing.T, cluster cluster) *etcdRegistry {
	t.Helper()
	t.Cleanup(func() { cluster.Close() })
	c := DefaultConfig()
	c.Etcd = cluster.Endpoints()
	r, err := Open(t.Context(), c, WithLogger(nil))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r.(*etcdRegistry)
}

// onEachEtcd runs a test with an embedded etcd, and with the one that is installed.
func onEachEtcd(t *testing.T, test func(*testing.T, *etcdRegistry)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		test(t, openEmbedded(t))
	})
	t.Run("installed", func(t *testing.T) {
		t.Parallel()
		c, err := faults.Start(testkit.Context(t, 30*time.Second), faults.Config{})
		if errors.Is(err, exec.ErrNotFound) {
			t.Skip("etcd is not installed: ", err)
		}
		if err != nil {
			t.Fatal(err)
		}
		test(t, openWith(t, c))
	})
}

func TestWatchEndsAtACompactedRevision(t *testing.T) {
	t.Parallel()
	onEachEtcd(t, testCompactedRevision)
}

func testCompactedRevision(t *testing.T, r *etcdRegistry) {
	ctx := testkit.Context(t, 30*time.Second)
	var revision int64
	for range 5 {
		resp, err := r.client.Put(ctx, "/services/a", "127.0.0.1:1")
		if err != nil {
			t.Fatal(err)
		}
		revision = resp.Header.Revision
	}
	if _, err := r.client.Compact(ctx, revision); err != nil {
		t.Fatal(err)
	}
	i := newEtcdInstancer(r, r.prefix)
	epoch := r.client.conns.epoch()
	if err := i.watch(ctx, epoch, 2); !errors.Is(err, rpctypes.ErrCompacted) {
		t.Errorf("have %v, want %v", err, rpctypes.ErrCompacted)
	}
	revision, err := i.read(ctx, epoch)
	if have := i.instances.addresses(); err != nil || revision == 0 || len(have) != 1 {
		t.Errorf("have revision %d, %v and %v, want one instance after a read", revision, err, have)
	}
}

func TestFailedRegisterLeavesNoLease(t *testing.T) {
	t.Parallel()
	onEachEtcd(t, testFailedRegister)
}

func testFailedRegister(t *testing.T, r *etcdRegistry) {
	ctx := testkit.Context(t, 30*time.Second)
	// The value is larger than etcd accepts, so that the put fails after the grant.
	registrar := newEtcdRegistrar(r, r.prefix+"a", strings.Repeat("x", 3<<20))
	if err := registrar.Register(ctx); err == nil {
		t.Fatal("have no error, want one")
	}
	r.background.Wait()
	leases, err := r.client.Leases(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(leases.Leases) > 0 {
		t.Errorf("have %d leases, want none", len(leases.Leases))
	}
	if registrar.keeper != nil {
		t.Error("have a keeper, want none")
	}
}

// The error of Deregister would contain the address, which may have a password.
func TestDeregisterOfAnInvalidAddressHasNoError(t *testing.T) {
	registrar := newFakeEtcd().registry().Registrar("", "http://u:s3cret@h:1").(*etcdRegistrar)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	registrar.sem <- struct{}{} // as while another call is at work
	if err := registrar.Deregister(ctx); err != nil {
		t.Errorf("have %v, want nil", err)
	}
}

func TestStoppedInstancersAreReleased(t *testing.T) {
	t.Parallel()
	etcd := openEmbedded(t)
	static, err := openStatic(Config{Instances: []string{"a:1"}}, options{})
	if err != nil {
		t.Fatal(err)
	}
	defer static.Close()
	for _, r := range []Registry{etcd, static} {
		i, err := r.Instancer("")
		if err != nil {
			t.Fatal(err)
		}
		i.Stop()
	}
	if have := len(etcd.instancers); have != 0 {
		t.Errorf("etcd: have %d instancers after Stop, want 0", have)
	}
	if have := len(static.(*staticRegistry).instancers); have != 0 {
		t.Errorf("static: have %d instancers after Stop, want 0", have)
	}
}
