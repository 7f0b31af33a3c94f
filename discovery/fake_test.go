package discovery

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// A fakeEtcd answers the requests of an etcd client. By default they succeed at once: a lease has
// the ID 1, and a read finds the key /a:1 under it, written at revision 1. A test replaces the
// functions that it is about. They are called without a lock.
type fakeEtcd struct {
	clientv3.Lease
	clientv3.KV
	clientv3.Watcher

	grant, renew, revoke func(context.Context) error
	get                  func(context.Context) (*clientv3.GetResponse, error)
	watch                func(context.Context) clientv3.WatchChan

	mu    sync.Mutex
	calls []string // the requests that have ended
}

func newFakeEtcd() *fakeEtcd {
	succeed := func(context.Context) error { return nil }
	return &fakeEtcd{
		grant: succeed, renew: succeed, revoke: succeed,
		get: func(context.Context) (*clientv3.GetResponse, error) {
			return getResponse(1, &mvccpb.KeyValue{
				Key: []byte("/a:1"), Value: []byte("a:1"), Lease: 1, ModRevision: 1,
			}), nil
		},
		watch: func(ctx context.Context) clientv3.WatchChan { return watchUntil(ctx) },
	}
}

// getResponse returns the response to a read of all keys at a revision.
func getResponse(revision int64, kvs ...*mvccpb.KeyValue) *clientv3.GetResponse {
	return &clientv3.GetResponse{
		Header: &etcdserverpb.ResponseHeader{Revision: revision},
		Kvs:    kvs,
	}
}

// watchUntil returns the channel of a watch without events that ends with ctx.
func watchUntil(ctx context.Context) clientv3.WatchChan {
	ch := make(chan clientv3.WatchResponse)
	context.AfterFunc(ctx, func() { close(ch) })
	return ch
}

// registry returns a registry on the fake with the prefix / and the shortest TTL. It is not closed.
func (f *fakeEtcd) registry() *etcdRegistry {
	client := &etcdClient{
		Client: clientv3.NewCtxClient(context.Background()),
		conns:  newConnTracker(),
		name:   "etcd fake",
	}
	client.Lease, client.KV, client.Watcher = f, f, f
	c := Config{Prefix: "/", TTL: minTTL, Timeout: minTTL}
	return newEtcdRegistry(client, c, slog.New(slog.DiscardHandler))
}

func (f *fakeEtcd) ended(call string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, call)
}

func (f *fakeEtcd) Grant(ctx context.Context, _ int64) (*clientv3.LeaseGrantResponse, error) {
	defer f.ended("grant")
	return &clientv3.LeaseGrantResponse{ID: 1}, f.grant(ctx)
}

func (f *fakeEtcd) Revoke(
	ctx context.Context, _ clientv3.LeaseID,
) (*clientv3.LeaseRevokeResponse, error) {
	defer f.ended("revoke")
	return &clientv3.LeaseRevokeResponse{}, f.revoke(ctx)
}

func (f *fakeEtcd) KeepAliveOnce(
	ctx context.Context, _ clientv3.LeaseID,
) (*clientv3.LeaseKeepAliveResponse, error) {
	defer f.ended("renew")
	return &clientv3.LeaseKeepAliveResponse{}, f.renew(ctx)
}

func (f *fakeEtcd) Put(
	context.Context, string, string, ...clientv3.OpOption,
) (*clientv3.PutResponse, error) {
	defer f.ended("put")
	return &clientv3.PutResponse{}, nil
}

// Txn returns a transaction that succeeds.
func (f *fakeEtcd) Txn(context.Context) clientv3.Txn { return fakeTxn{f} }

type fakeTxn struct{ etcd *fakeEtcd }

func (t fakeTxn) If(...clientv3.Cmp) clientv3.Txn  { return t }
func (t fakeTxn) Then(...clientv3.Op) clientv3.Txn { return t }
func (t fakeTxn) Else(...clientv3.Op) clientv3.Txn { return t }

func (t fakeTxn) Commit() (*clientv3.TxnResponse, error) {
	defer t.etcd.ended("txn")
	return &clientv3.TxnResponse{Succeeded: true}, nil
}

func (f *fakeEtcd) Get(
	ctx context.Context, _ string, _ ...clientv3.OpOption,
) (*clientv3.GetResponse, error) {
	defer f.ended("get")
	return f.get(ctx)
}

func (f *fakeEtcd) Watch(
	ctx context.Context, _ string, _ ...clientv3.OpOption,
) clientv3.WatchChan {
	return f.watch(ctx)
}

func (f *fakeEtcd) Close() error { return nil }

// has reports whether a request of this name has ended.
func (f *fakeEtcd) has(t *testing.T, call string) bool {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Contains(f.calls, call)
}
