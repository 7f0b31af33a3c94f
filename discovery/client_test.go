package discovery

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A flakyKV fails a number of puts with an error.
type flakyKV struct {
	clientv3.KV
	err      error
	failures int
	puts     int
}

// Txn returns a transaction that fails or succeeds.
func (f *flakyKV) Txn(context.Context) clientv3.Txn { return flakyTxn{f} }

type flakyTxn struct{ kv *flakyKV }

func (t flakyTxn) If(...clientv3.Cmp) clientv3.Txn  { return t }
func (t flakyTxn) Then(...clientv3.Op) clientv3.Txn { return t }
func (t flakyTxn) Else(...clientv3.Op) clientv3.Txn { return t }

func (t flakyTxn) Commit() (*clientv3.TxnResponse, error) {
	t.kv.puts++
	if t.kv.puts <= t.kv.failures {
		return nil, t.kv.err
	}
	return &clientv3.TxnResponse{}, nil
}

func TestPutIsRepeatedWhileEtcdIsUnavailable(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		puts int // for two failures
	}{
		{"connection", status.Error(codes.Unavailable, "transport is closing"), 3},
		{"election", rpctypes.ErrLeaderChanged, 3},
		{"lease", rpctypes.ErrLeaseNotFound, 1},
		{"other", status.Error(codes.Internal, "internal"), 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			kv := &flakyKV{err: test.err, failures: 2}
			c := etcdClient{
				Client: clientv3.NewCtxClient(t.Context()),
				conns:  newConnTracker(),
				name:   "etcd a:1",
			}
			c.KV = kv
			_, err := c.put(t.Context(), time.Minute, "/a", "1", 1)
			if kv.puts != test.puts || (err != nil) != (test.puts == 1) {
				t.Errorf("have %d puts and %v, want %d puts", kv.puts, err, test.puts)
			}
		})
	}
}

func TestRequestErrorsNameEtcd(t *testing.T) {
	live := t.Context()
	canceled, cancel := context.WithCancel(live)
	cancel()
	closed, stop := context.WithCancelCause(live)
	stop(ErrClosed)
	unknown := errors.New("unknown")
	for _, test := range []struct {
		name string
		ctx  context.Context
		err  error
		text string
		is   error
	}{
		{"canceled", canceled, context.Canceled, "context canceled", context.Canceled},
		{"closed", closed, context.Canceled, "registry is closed", ErrClosed},
		{"deadline", live, context.DeadlineExceeded,
			"etcd a:1 did not answer: context deadline exceeded", context.DeadlineExceeded},
		{"deadline of the server", live, status.Error(codes.DeadlineExceeded, "late"),
			"etcd a:1 did not answer: context deadline exceeded", context.DeadlineExceeded},
		{"unavailable", live, rpctypes.ErrNoLeader,
			"etcd a:1 did not answer: etcdserver: no leader", rpctypes.ErrNoLeader},
		{"other", live, unknown, "etcd a:1: unknown", unknown},
	} {
		t.Run(test.name, func(t *testing.T) {
			have := (&etcdClient{name: "etcd a:1"}).wrap(test.ctx, test.err, nil)
			if have.Error() != test.text || !errors.Is(have, test.is) {
				t.Errorf("have %v, want %s", have, test.text)
			}
		})
	}
}

// A longer pause than a third of the TTL would miss the promise to restore within two TTLs.
func TestRedialsAreFrequent(t *testing.T) {
	for _, test := range []struct{ ttl, want, connect time.Duration }{
		{minTTL, minTTL / 3, minConnect},
		{time.Minute, maxRedial, time.Second},
	} {
		params := connectParams(Config{TTL: test.ttl, DialTimeout: time.Second})
		if have := params.Backoff.MaxDelay; have != test.want {
			t.Errorf("TTL %s: have a pause of up to %s, want %s", test.ttl, have, test.want)
		}
		if have := params.MinConnectTimeout; have != test.connect {
			t.Errorf("TTL %s: have attempts of up to %s, want %s", test.ttl, have, test.connect)
		}
	}
}
