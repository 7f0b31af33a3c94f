package discovery_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/go-kit/kit/sd"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"bookservice/discovery"
	"bookservice/discovery/etcdembed"
	"bookservice/discovery/internal/leakcheck"
	"bookservice/discovery/internal/testkit"
)

const (
	ttl   = 2 * time.Second  // the shortest that is valid
	limit = 30 * time.Second // for waits without a promised time
	slack = 4 * time.Second  // added to promised times, for a busy machine

	addrA = "127.0.0.1:50051"
	addrB = "127.0.0.1:50052"
	addrC = "127.0.0.1:50053"
)

func TestMain(m *testing.M) { os.Exit(leakcheck.Run(m)) }

// A cluster is an etcd cluster: see package etcdembed.
type cluster interface {
	Endpoints() []string
	Stop()
	StopMember(i int) error
	Restart(ctx context.Context, keepData bool) error
	Close() error
}

// An etcd is a cluster with a client that reads and changes its data.
type etcd struct {
	cluster
	raw *clientv3.Client
}

// startEtcd starts an embedded cluster, or one of processes in the subtests of TestInstalledEtcd.
func startEtcd(t *testing.T, members int) *etcd {
	t.Helper()
	if isInstalled(t) {
		return newEtcd(t, startProcesses(t, members))
	}
	c, err := etcdembed.Start(testkit.Context(t, 2*limit), etcdembed.Config{Members: members})
	if err != nil {
		t.Fatal(err)
	}
	return newEtcd(t, c)
}

// newEtcd adds a client to a cluster. It closes both when the test ends.
func newEtcd(t *testing.T, c cluster) *etcd {
	t.Helper()
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return &etcd{c, rawClient(t, c.Endpoints()...)}
}

// rawClient returns a client that is closed when the test ends.
func rawClient(t *testing.T, endpoints ...string) *clientv3.Client {
	t.Helper()
	raw, err := clientv3.New(clientv3.Config{Endpoints: endpoints, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { raw.Close() })
	return raw
}

// config returns a configuration with a short TTL, and with a request timeout that is long enough
// for etcd on a busy machine.
func config(endpoints ...string) discovery.Config {
	c := discovery.DefaultConfig()
	c.Etcd = endpoints
	c.TTL = ttl
	c.Timeout = limit / 6
	return c
}

// shortTimeout returns config with a shorter request timeout, for tests that stop etcd.
func shortTimeout(endpoints ...string) discovery.Config {
	c := config(endpoints...)
	c.Timeout = time.Second
	return c
}

// open opens a registry, which logs nothing unless opts set a logger. It is closed when the test
// ends.
func open(t *testing.T, c discovery.Config, opts ...discovery.Option) discovery.Registry {
	t.Helper()
	opts = append([]discovery.Option{discovery.WithLogger(nil)}, opts...)
	registry, err := discovery.Open(t.Context(), c, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { registry.Close() }) // tests that stop etcd expect an error
	return registry
}

func (e *etcd) open(t *testing.T) discovery.Registry {
	t.Helper()
	return open(t, config(e.Endpoints()...))
}

// register registers addr. It repeats requests that a busy machine has not answered in time.
func register(t *testing.T, r discovery.Registry, addr string) discovery.Registrar {
	t.Helper()
	registrar, ctx := r.Registrar("", addr), testkit.Context(t, limit)
	err := registrar.Register(ctx)
	for errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		err = registrar.Register(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	return registrar
}

func deregister(t *testing.T, r discovery.Registrar) {
	t.Helper()
	if err := r.Deregister(testkit.Context(t, limit)); err != nil {
		t.Fatal(err)
	}
}

func instancer(t *testing.T, r discovery.Registry) sd.Instancer {
	t.Helper()
	i, err := r.Instancer("")
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// key returns the key of an address under the default prefix.
func key(addr string) string { return "/services/" + addr }

// An entry is the value of a key in etcd and its lease. It is zero if there is no such key.
type entry struct {
	value string
	lease clientv3.LeaseID
}

func (e *etcd) get(t *testing.T, key string) entry {
	t.Helper()
	resp, err := e.raw.Get(testkit.Context(t, limit), key)
	if err != nil {
		t.Fatal(err)
	}
	if len(resp.Kvs) == 0 {
		return entry{}
	}
	return entry{string(resp.Kvs[0].Value), clientv3.LeaseID(resp.Kvs[0].Lease)}
}

// registered reports whether addr is registered under a lease.
func (e *etcd) registered(t *testing.T, addr string) bool {
	t.Helper()
	have := e.get(t, key(addr))
	return have.value == addr && have.lease != clientv3.NoLease
}

// absent reports whether there is no key of addr.
func (e *etcd) absent(t *testing.T, addr string) bool {
	t.Helper()
	return e.get(t, key(addr)) == entry{}
}

func (e *etcd) put(t *testing.T, key, value string) {
	t.Helper()
	if _, err := e.raw.Put(testkit.Context(t, limit), key, value); err != nil {
		t.Fatal(err)
	}
}

// putLeased writes a key under a lease of its own, which expires after the test.
func (e *etcd) putLeased(t *testing.T, key, value string) {
	t.Helper()
	ctx := testkit.Context(t, limit)
	grant, err := e.raw.Grant(ctx, int64(2*limit/time.Second))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.raw.Put(ctx, key, value, clientv3.WithLease(grant.ID)); err != nil {
		t.Fatal(err)
	}
}

func (e *etcd) delete(t *testing.T, key string) {
	t.Helper()
	if _, err := e.raw.Delete(testkit.Context(t, limit), key); err != nil {
		t.Fatal(err)
	}
}

func (e *etcd) revoke(t *testing.T, lease clientv3.LeaseID) {
	t.Helper()
	if _, err := e.raw.Revoke(testkit.Context(t, limit), lease); err != nil {
		t.Fatal(err)
	}
}

// raiseRevision raises the revision of etcd far above that of an etcd without data.
func (e *etcd) raiseRevision(t *testing.T) {
	t.Helper()
	for range 100 {
		e.put(t, "/other", "")
	}
}

func (e *etcd) restart(t *testing.T, keepData bool) {
	t.Helper()
	if err := e.Restart(testkit.Context(t, 2*limit), keepData); err != nil {
		t.Fatal(err)
	}
}
