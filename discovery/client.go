package discovery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

const (
	// maxRedial is the longest pause between two attempts to connect. The default of gRPC is two
	// minutes, too long to restore a registration within two TTLs.
	maxRedial = time.Second

	// minConnect is the shortest limit of one attempt to connect, for a busy machine.
	minConnect = 500 * time.Millisecond

	// minAttempt is the shortest limit of one attempt of a short request, for a busy machine.
	minAttempt = 400 * time.Millisecond

	// maxRepeat is the longest pause between two attempts of a request. Without a connection, an
	// attempt fails at once and sends nothing.
	maxRepeat = maxRedial / 4

	// unlimited is a timeout for requests that only their context ends.
	unlimited = time.Duration(1<<63 - 1)

	// maxExtensions is how often the limit of one attempt is extended.
	maxExtensions = 3

	// maxConcurrent is the number of short requests that one registry sends at a time. Many more
	// would wait for each other in etcd, beyond the limit of an attempt.
	maxConcurrent = 100

	// maxPatience is how often the limit of one attempt doubles while attempts time out.
	maxPatience = 6
)

// pickFirst makes gRPC use one connection, to the first address that answers. The default of the
// etcd client is one connection to each member in turn, of which a member that hangs gets its share
// of the requests for as long as it hangs.
const pickFirst = `{"loadBalancingConfig": [{"pick_first": {}}]}`

// An etcdClient is the connection to etcd that all registrars and instancers of one registry share.
// It uses one member at a time. After a request that this member does not answer, it closes the
// connection and uses the next member.
type etcdClient struct {
	*clientv3.Client
	conns   *connTracker
	auth    *authenticator // nil without a user
	renewer *renewer       // nil if the client is not connected, in tests
	name    string         // "etcd " and the addresses of the members, for errors

	// attempt limits one attempt of a short request; 0 is no limit. The limit doubles with each
	// connection that is given up, so that a slow etcd is reached too, and is attempt again after
	// a short answer.
	attempt    time.Duration
	maxAttempt time.Duration // longest limit of an attempt
	patience   atomic.Int32  // how often the limit has doubled

	failure  failureRecord // since the last answer
	sending  chan struct{} // a semaphore for maxConcurrent short requests; nil for any number
	rotating sync.Mutex    // guards the order of the endpoints
}

func dial(c Config, log *slog.Logger) (*etcdClient, error) {
	conns := newConnTracker()
	creds := insecure.NewCredentials()
	if c.secure() {
		source, err := newTLSSource(c, log)
		if err != nil {
			return nil, err
		}
		creds = newTLSCredentials(source)
	}
	auth := newAuthenticator(c)
	var authOptions []grpc.DialOption
	if auth != nil {
		if _, err := c.password(); err != nil {
			return nil, err
		}
		authOptions = []grpc.DialOption{grpc.WithPerRPCCredentials(auth)}
	}
	endpoints := slices.Clone(c.Etcd)
	rand.Shuffle(len(endpoints), func(i, j int) { // spreads many clients over the members
		endpoints[i], endpoints[j] = endpoints[j], endpoints[i]
	})
	client, err := clientv3.New(clientv3.Config{
		Endpoints:            endpoints,
		DialTimeout:          c.DialTimeout,
		DialKeepAliveTime:    c.DialKeepAlive,
		DialKeepAliveTimeout: c.DialKeepAlive,
		MaxUnaryRetries:      1,            // call repeats requests
		Logger:               zap.NewNop(), // the default logger writes to standard error
		DialOptions: append(authOptions,
			grpc.WithStatsHandler(conns),
			grpc.WithConnectParams(connectParams(c)),
			grpc.WithTransportCredentials(trackedCredentials{creds, conns}),
			grpc.WithDisableServiceConfig(), // the etcd client's, which selects round_robin
			grpc.WithDefaultServiceConfig(pickFirst),
			grpc.WithChainUnaryInterceptor(failFastUnary),
			grpc.WithChainStreamInterceptor(failFastStream),
		),
	})
	if err != nil {
		return nil, err
	}
	return &etcdClient{
		Client:     client,
		conns:      conns,
		auth:       auth,
		sending:    make(chan struct{}, maxConcurrent),
		renewer:    newRenewer(etcdserverpb.NewLeaseClient(client.ActiveConnection())),
		name:       "etcd " + strings.Join(c.Etcd, ","),
		attempt:    max(minAttempt, c.TTL/8),
		maxAttempt: c.Timeout,
	}, nil
}

func connectParams(c Config) grpc.ConnectParams {
	return grpc.ConnectParams{
		Backoff: backoff.Config{
			BaseDelay:  firstRetry,
			Multiplier: 1.6,
			Jitter:     0.2,
			MaxDelay:   min(maxRedial, c.TTL/3),
		},
		MinConnectTimeout: min(c.DialTimeout, max(minConnect, c.TTL/6)),
	}
}

// call sends a short request until it is answered. It ends with ctx or after timeout. An attempt
// that times out, or that a member cannot execute, is repeated on another member. Its errors name
// the etcd members.
func call[T any](
	ctx context.Context, c *etcdClient, timeout time.Duration,
	request func(context.Context) (T, error),
) (T, error) {
	return repeat(ctx, c, timeout, c.limit, c.sending, request)
}

// callLong is call for a request whose response may be large. An attempt may last until timeout:
// etcdRegistry.probe detects that the member hangs.
func callLong[T any](
	ctx context.Context, c *etcdClient, timeout time.Duration,
	request func(context.Context) (T, error),
) (T, error) {
	return repeat(ctx, c, timeout, func() time.Duration { return timeout }, nil, request)
}

func repeat[T any](
	ctx context.Context, c *etcdClient, timeout time.Duration, limit func() time.Duration,
	sem chan struct{}, request func(context.Context) (T, error),
) (T, error) {
	failure := &failureRecord{parent: &c.failure}
	total, cancel := context.WithTimeout(withFailureRecord(ctx, failure), timeout)
	defer cancel()
	retry := retryBackoff{max: maxRepeat}
	request = authenticated(c.auth, c.Client, request)
	for {
		if sem != nil {
			select {
			case sem <- struct{}{}:
			case <-total.Done(): // the others have recorded why
				var none T
				return none, c.wrap(ctx, total.Err(), &c.failure)
			}
		}
		epoch, begin := c.conns.epoch(), time.Now()
		response, timedOut, err := attempt(total, c, limit(), request)
		if sem != nil {
			<-sem
		}
		if err == nil {
			c.answered(time.Since(begin))
			return response, nil
		}
		failure.record(err)
		if ctx.Err() == nil && (timedOut || total.Err() != nil || unavailable(err)) {
			c.moveOn(epoch)
		}
		if total.Err() == nil && (timedOut || unavailable(err) && sleep(total, retry.next())) {
			continue
		}
		return response, c.wrap(ctx, err, failure)
	}
}

// attempt sends one request. It reports whether the limit has ended it, and not ctx. The limit is
// extended while etcd sends something: it is busy then, and does not hang.
func attempt[T any](
	ctx context.Context, c *etcdClient, limit time.Duration,
	request func(context.Context) (T, error),
) (response T, timedOut bool, err error) {
	bounded, cancel := context.WithCancel(ctx)
	defer cancel()
	var ended atomic.Bool
	var timer *time.Timer
	extensions := maxExtensions
	armed := make(chan struct{})
	timer = time.AfterFunc(limit, func() {
		<-armed // timer is set
		quiet, connected := c.conns.quietFor(time.Now())
		if extensions--; extensions >= 0 && connected && quiet < limit/2 {
			timer.Reset(limit)
			return
		}
		ended.Store(true)
		cancel()
	})
	close(armed)
	defer timer.Stop()
	response, err = request(bounded)
	if err == nil || ctx.Err() != nil || !ended.Load() {
		return response, false, err
	}
	return response, true, context.DeadlineExceeded
}

// answered notes how long an answer took. The limit of attempts is short again after a short one.
func (c *etcdClient) answered(took time.Duration) {
	if took < c.attempt/2 || c.attempt == 0 {
		c.patience.Store(0)
	}
	c.failure.clear()
}

// limit returns the limit of one attempt.
func (c *etcdClient) limit() time.Duration {
	if c.attempt == 0 {
		return unlimited
	}
	return min(c.attempt<<c.patience.Load(), c.maxAttempt)
}

// moveOn closes the connection on which a request was not answered, unless that was done already,
// and makes another member the first one to connect to. The epoch is that of the request.
func (c *etcdClient) moveOn(epoch context.Context) {
	ended := c.conns.end(epoch, func() {
		c.rotating.Lock()
		defer c.rotating.Unlock()
		if endpoints := c.Endpoints(); len(endpoints) > 1 {
			c.SetEndpoints(append(endpoints[1:], endpoints[0])...)
		}
	})
	if ended {
		if n := c.patience.Load(); n < maxPatience {
			c.patience.CompareAndSwap(n, n+1)
		}
	}
}

// wrap returns the error of a request that was sent under ctx, with the name of the client.
func (c *etcdClient) wrap(ctx context.Context, err error, failure *failureRecord) error {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return contextError(ctx) // etcd did not cause the error
	case status.Code(err) == codes.DeadlineExceeded:
		// The server reported the end of the deadline before this process noticed it.
		return fmt.Errorf("%s did not answer: %w%s", c.name, context.DeadlineExceeded, failure)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s did not answer: %w%s", c.name, err, failure)
	case isEtcdError(err) && unavailable(err):
		return fmt.Errorf("%s did not answer: %w", c.name, err)
	case unavailable(err): // until the deadline
		return fmt.Errorf("%s did not answer: %w%s", c.name, context.DeadlineExceeded, failure)
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

func isEtcdError(err error) bool {
	_, ok := errors.AsType[rpctypes.EtcdError](err)
	return ok
}

// renew renews a lease. It returns [rpctypes.ErrLeaseNotFound] if the lease has expired.
func (c *etcdClient) renew(
	ctx context.Context, timeout time.Duration, lease clientv3.LeaseID,
) error {
	_, err := call(ctx, c, timeout, func(ctx context.Context) (struct{}, error) {
		if c.renewer != nil {
			return struct{}{}, c.renewer.renew(ctx, int64(lease))
		}
		_, err := c.KeepAliveOnce(ctx, lease)
		return struct{}{}, err
	})
	return err
}

// Close closes the connection.
func (c *etcdClient) Close() error {
	err := c.Client.Close()
	if c.renewer != nil {
		c.renewer.close()
	}
	return err
}

// put writes a key under a lease, unless it is under this lease already: a repetition after a lost
// response changes nothing. It returns the key before, or nil if it did not exist.
func (c *etcdClient) put(
	ctx context.Context, timeout time.Duration, key, value string, lease clientv3.LeaseID,
) (*mvccpb.KeyValue, error) {
	resp, err := call(ctx, c, timeout, func(ctx context.Context) (*clientv3.TxnResponse, error) {
		return c.Txn(ctx).
			If(clientv3.Compare(clientv3.LeaseValue(key), "!=", lease)).
			Then(clientv3.OpPut(key, value, clientv3.WithLease(lease), clientv3.WithPrevKV())).
			Commit()
	})
	if err != nil || len(resp.Responses) == 0 {
		return nil, err
	}
	return resp.Responses[0].GetResponsePut().GetPrevKv(), nil
}
