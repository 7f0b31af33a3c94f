package discovery

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	// firstRetry is the shortest pause before something is tried again.
	firstRetry = 100 * time.Millisecond

	// maxRedial is the longest pause between two attempts to connect. gRPC's own
	// would grow to two minutes and miss the promise of two TTLs.
	maxRedial = time.Second
)

// An etcdClient is the connection that all registrars and instancers of one
// registry share.
type etcdClient struct {
	*clientv3.Client
	connections *connections
	name        string // how errors call it
}

func dial(c Config) (*etcdClient, error) {
	connections := newConnections()
	client, err := clientv3.New(clientv3.Config{
		Endpoints:            c.Etcd,
		DialTimeout:          c.DialTimeout,
		DialKeepAliveTime:    c.DialKeepAlive,
		DialKeepAliveTimeout: c.DialKeepAlive,
		Logger:               zap.NewNop(), // its default writes to standard error
		DialOptions: []grpc.DialOption{
			grpc.WithStatsHandler(connections),
			grpc.WithConnectParams(grpc.ConnectParams{
				Backoff: backoff.Config{
					BaseDelay:  firstRetry,
					Multiplier: 1.6,
					Jitter:     0.2,
					MaxDelay:   min(maxRedial, c.TTL/3),
				},
				MinConnectTimeout: c.DialTimeout,
			}),
		},
	})
	if err != nil {
		return nil, err
	}
	return &etcdClient{client, connections, "etcd " + strings.Join(c.Etcd, ",")}, nil
}

// ask sends one request that ends with ctx or after limit, and makes the error
// one that says who was asked.
func ask[T any](ctx context.Context, c *etcdClient, limit time.Duration, request func(context.Context) (T, error)) (T, error) {
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	answer, err := request(bounded)
	if err != nil {
		err = c.explain(ctx, err)
	}
	return answer, err
}

func (c *etcdClient) explain(ctx context.Context, err error) error {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return ended(ctx) // not etcd's doing
	case status.Code(err) == codes.DeadlineExceeded:
		// The server's clock was the faster one.
		return fmt.Errorf("%s did not answer: %w", c.name, context.DeadlineExceeded)
	case errors.Is(err, context.DeadlineExceeded), unavailable(err):
		return fmt.Errorf("%s did not answer: %w", c.name, err)
	default:
		return fmt.Errorf("%s: %w", c.name, err)
	}
}

// ended returns why ctx is over: ErrClosed when its registry was closed.
func ended(ctx context.Context) error {
	if context.Cause(ctx) == ErrClosed {
		return ErrClosed
	}
	return ctx.Err()
}

// unavailable reports whether the same request may succeed a moment later.
func unavailable(err error) bool {
	var refused rpctypes.EtcdError
	if errors.As(err, &refused) {
		return refused.Code() == codes.Unavailable
	}
	return status.Code(err) == codes.Unavailable
}

// put writes a key under a lease. The client library does not repeat a write that
// a broken connection or an election cut short; this one may be, as it says the
// same every time.
func (c *etcdClient) put(ctx context.Context, limit time.Duration, key, value string, lease clientv3.LeaseID) error {
	_, err := ask(ctx, c, limit, func(ctx context.Context) (*clientv3.PutResponse, error) {
		retry := retries{max: maxRedial}
		for {
			resp, err := c.Put(ctx, key, value, clientv3.WithLease(lease))
			if err == nil || !unavailable(err) || !pause(ctx, retry.next()) {
				return resp, err
			}
		}
	})
	return err
}
