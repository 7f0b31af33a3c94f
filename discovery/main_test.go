package discovery_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/go-kit/kit/sd"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"bookservice/discovery"
	"bookservice/discovery/etcdembed"
)

const (
	ttl   = 2 * time.Second  // the shortest there is
	limit = 30 * time.Second // of waiting for what has no promised time

	addrA = "127.0.0.1:50051"
	addrB = "127.0.0.1:50052"
	addrC = "127.0.0.1:50053"
)

// TestMain checks that no test left a goroutine. The connections between the
// members of an embedded cluster end with etcd's read timeout of five seconds at
// the latest, hence more patience than goleak has on its own.
func TestMain(m *testing.M) {
	// These tests wait more than they work: many at once, however small the machine.
	if err := flag.Set("test.parallel", "8"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	end := time.Now().Add(limit)
	err := goleak.Find()
	for err != nil && time.Now().Before(end) {
		err = goleak.Find()
	}
	if err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// etcd is one cluster of a test, with a client that sees what etcd has.
type etcd struct {
	*etcdembed.Cluster
	raw *clientv3.Client
}

func startEtcd(t *testing.T, members int) *etcd {
	t.Helper()
	cluster, err := etcdembed.Start(within(t, 2*limit), etcdembed.Config{Members: members})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Close(); err != nil {
			t.Error(err)
		}
	})
	raw, err := clientv3.New(clientv3.Config{Endpoints: cluster.Endpoints(), Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { raw.Close() })
	return &etcd{cluster, raw}
}

// config is for a test: a short TTL, and patience with the etcd of a busy machine.
func config(endpoints ...string) discovery.Config {
	c := discovery.DefaultConfig()
	c.Etcd = endpoints
	c.TTL = ttl
	c.Timeout = limit / 6
	return c
}

// impatient is config for a test about an etcd that is down.
func impatient(endpoints ...string) discovery.Config {
	c := config(endpoints...)
	c.Timeout = time.Second
	return c
}

func open(t *testing.T, c discovery.Config, opts ...discovery.Option) discovery.Registry {
	t.Helper()
	registry, err := discovery.Open(t.Context(), c, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { registry.Close() }) // the error is for tests about Close
	return registry
}

func (e *etcd) open(t *testing.T, opts ...discovery.Option) discovery.Registry {
	t.Helper()
	return open(t, config(e.Endpoints()...), opts...)
}

func register(t *testing.T, r discovery.Registry, addr string) discovery.Registrar {
	t.Helper()
	registrar, ctx := r.Registrar("", addr), within(t, limit)
	err := registrar.Register(ctx)
	for errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil { // slow, and those who are impatient meet that
		err = registrar.Register(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	return registrar
}

func instancer(t *testing.T, r discovery.Registry) sd.Instancer {
	t.Helper()
	i, err := r.Instancer("")
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func key(addr string) string { return discovery.DefaultConfig().Prefix + addr }

// held is a key as etcd has it; its lease is 0 when there is no key.
type held struct {
	value string
	lease clientv3.LeaseID
}

func (e *etcd) held(t *testing.T, key string) held {
	t.Helper()
	resp, err := e.raw.Get(within(t, limit), key)
	if err != nil {
		t.Fatal(err)
	}
	if len(resp.Kvs) == 0 {
		return held{}
	}
	return held{string(resp.Kvs[0].Value), clientv3.LeaseID(resp.Kvs[0].Lease)}
}

func (e *etcd) put(t *testing.T, key, value string) {
	t.Helper()
	if _, err := e.raw.Put(within(t, limit), key, value); err != nil {
		t.Fatal(err)
	}
}

func (e *etcd) delete(t *testing.T, key string) {
	t.Helper()
	if _, err := e.raw.Delete(within(t, limit), key); err != nil {
		t.Fatal(err)
	}
}

func (e *etcd) revoke(t *testing.T, lease clientv3.LeaseID) {
	t.Helper()
	if _, err := e.raw.Revoke(within(t, limit), lease); err != nil {
		t.Fatal(err)
	}
}

func (e *etcd) restart(t *testing.T, keepData bool) {
	t.Helper()
	if err := e.Restart(within(t, 2*limit), keepData); err != nil {
		t.Fatal(err)
	}
}

// poll returns how long it took for a condition to hold, and ends the test when
// that is more than d.
func poll(t *testing.T, d time.Duration, what string, condition func() bool) time.Duration {
	t.Helper()
	begin := time.Now()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for !condition() {
		if time.Since(begin) > d {
			t.Fatalf("have waited %s in vain, want within %s: %s", time.Since(begin), d, what)
		}
		<-ticker.C
	}
	return time.Since(begin)
}

// stays ends the test when a condition ceases to hold within d.
func stays(t *testing.T, d time.Duration, what string, condition func() bool) {
	t.Helper()
	begin := time.Now()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for time.Since(begin) < d {
		if !condition() {
			t.Fatalf("have it no more after %s, want it for %s: %s", time.Since(begin), d, what)
		}
		<-ticker.C
	}
}
