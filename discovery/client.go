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
	// firstRetry is the shortest pause between two attempts.
	firstRetry = 100 * time.Millisecond

	// maxRedial is the longest pause between two attempts to connect. The default of gRPC is two
	// minutes, too long to restore a registration within two TTLs.
	maxRedial = time.Second
)

// An etcdClient is the connection to etcd that all registrars and instancers of one registry share.
type etcdClient struct {
	*clientv3.Client
	conns *connTracker
	name  string // "etcd " and the addresses of the members, for errors
}

func dial(c Config) (*etcdClient, error) {
	conns := newConnTracker()
	client, err := clientv3.New(clientv3.Config{
		Endpoints:            c.Etcd,
		DialTimeout:          c.DialTimeout,
		DialKeepAliveTime:    c.DialKeepAlive,
		DialKeepAliveTimeout: c.DialKeepAlive,
		Logger:               zap.NewNop(), // the default logger writes to standard error
		DialOptions: []grpc.DialOption{
			grpc.WithStatsHandler(conns),
			grpc.WithConnectParams(connectParams(c)),
		},
	})
	if err != nil {
		return nil, err
	}
	return &etcdClient{client, conns, "etcd " + strings.Join(c.Etcd, ",")}, nil
}

func connectParams(c Config) grpc.ConnectParams {
	return grpc.ConnectParams{
		Backoff: backoff.Config{
			BaseDelay:  firstRetry,
			Multiplier: 1.6,
			Jitter:     0.2,
			MaxDelay:   min(maxRedial, c.TTL/3),
		},
		MinConnectTimeout: c.DialTimeout,
	}
}

// call sends one request, which ends with ctx or after timeout. Its errors name the etcd members.
func call[T any](
	ctx context.Context, c *etcdClient, timeout time.Duration,
	request func(context.Context) (T, error),
) (T, error) {
	bounded, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	response, err := request(bounded)
	if err != nil {
		err = c.wrap(ctx, err)
	}
	return response, err
}

// wrap returns the error of a request that was sent under ctx, with the name of the client.
func (c *etcdClient) wrap(ctx context.Context, err error) error {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return contextError(ctx) // etcd did not cause the error
	case status.Code(err) == codes.DeadlineExceeded:
		// The server reported the end of the deadline before this process noticed it.
		return fmt.Errorf("%s did not answer: %w", c.name, context.DeadlineExceeded)
	case errors.Is(err, context.DeadlineExceeded), unavailable(err):
		return fmt.Errorf("%s did not answer: %w", c.name, err)
	default:
		return fmt.Errorf("%s: %w", c.name, err)
	}
}

// contextError returns why ctx has ended: [ErrClosed] if the registry was closed, else ctx.Err().
func contextError(ctx context.Context) error {
	if errors.Is(context.Cause(ctx), ErrClosed) {
		return ErrClosed
	}
	return ctx.Err()
}

// unavailable reports whether a repetition of the request may succeed.
func unavailable(err error) bool {
	if etcdErr, ok := errors.AsType[rpctypes.EtcdError](err); ok {
		return etcdErr.Code() == codes.Unavailable
	}
	return status.Code(err) == codes.Unavailable
}

// put writes a key under a lease. It repeats a write that was interrupted by a broken connection or
// by an election. The etcd client does not, because a write may not be idempotent; this one is.
func (c *etcdClient) put(
	ctx context.Context, timeout time.Duration, key, value string, lease clientv3.LeaseID,
) error {
	_, err := call(ctx, c, timeout, func(ctx context.Context) (*clientv3.PutResponse, error) {
		retry := retryBackoff{max: maxRedial}
		for {
			resp, err := c.Put(ctx, key, value, clientv3.WithLease(lease))
			if err == nil || !unavailable(err) || !sleep(ctx, retry.next()) {
				return resp, err
			}
		}
	})
	return err
}
