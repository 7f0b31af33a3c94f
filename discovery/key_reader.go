package discovery

import (
	"context"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

const (
	// maxBatch is the number of keys in one request: etcd's default limit is 128 operations.
	maxBatch = 100

	// batchDelay is how long a read waits for others.
	batchDelay = 5 * time.Millisecond
)

// A keyReader reads single keys. It sends the reads of many registrations together, which costs
// etcd a fraction of as many requests.
type keyReader struct {
	client  *etcdClient
	ctx     context.Context
	timeout time.Duration // of one request

	mu      sync.Mutex
	pending *keyBatch // takes more keys; nil if there is none
	reading sync.WaitGroup
}

// A keyBatch is one request. The results are valid when done is closed.
type keyBatch struct {
	keys []string
	full chan struct{} // closed when the batch takes no more keys
	done chan struct{}
	kvs  []*mvccpb.KeyValue // one for each key, nil if it does not exist
	err  error
}

// getOne returns a key, or nil if it does not exist.
func (r *keyReader) getOne(
	ctx context.Context, timeout time.Duration, key string,
) (*mvccpb.KeyValue, error) {
	resp, err := call(ctx, r.client, timeout,
		func(ctx context.Context) (*clientv3.GetResponse, error) { return r.client.Get(ctx, key) })
	if err != nil || len(resp.Kvs) == 0 {
		return nil, err
	}
	return resp.Kvs[0], nil
}

// getTogether is getOne in one request with others.
func (r *keyReader) getTogether(ctx context.Context, key string) (*mvccpb.KeyValue, error) {
	b, n := r.join(key)
	select {
	case <-b.done:
		if b.err != nil {
			return nil, b.err
		}
		return b.kvs[n], nil
	case <-ctx.Done():
		return nil, contextError(ctx)
	}
}

// join adds a key to the pending batch, and returns its index.
func (r *keyReader) join(key string) (*keyBatch, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.pending
	if b == nil {
		b = &keyBatch{full: make(chan struct{}), done: make(chan struct{})}
		r.pending = b
		r.reading.Go(func() { r.read(b) })
	}
	b.keys = append(b.keys, key)
	if len(b.keys) == maxBatch {
		close(b.full)
		r.pending = nil
	}
	return b, len(b.keys) - 1
}

// read sends the request of a batch.
func (r *keyReader) read(b *keyBatch) {
	defer close(b.done)
	timer := time.NewTimer(batchDelay)
	defer timer.Stop()
	select {
	case <-b.full:
	case <-timer.C:
	}
	r.mu.Lock()
	if r.pending == b {
		r.pending = nil
	}
	r.mu.Unlock()
	ops := make([]clientv3.Op, len(b.keys))
	for n, key := range b.keys {
		ops[n] = clientv3.OpGet(key)
	}
	resp, err := call(r.ctx, r.client, r.timeout,
		func(ctx context.Context) (*clientv3.TxnResponse, error) {
			return r.client.Txn(ctx).Then(ops...).Commit()
		})
	if b.err = err; err != nil {
		return
	}
	for _, response := range resp.Responses {
		var kv *mvccpb.KeyValue
		if kvs := response.GetResponseRange().GetKvs(); len(kvs) > 0 {
			kv = kvs[0]
		}
		b.kvs = append(b.kvs, kv)
	}
}
