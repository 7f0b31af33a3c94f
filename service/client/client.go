// Package client is the client of the book service: a [service.Service] that gets the addresses of
// the servers from discovery and handles their failures. From the outside inwards, a call passes
//
//   - a limit on concurrent calls; a call over the limit fails with [ErrBusy];
//   - a circuit breaker for all calls of the client; while it is open, calls fail with [ErrOpen];
//   - a timeout for the call with all its attempts;
//   - retries with exponential backoff, each at an instance that the call has not tried, if any;
//   - replacement and hedging of attempts that have no answer in time;
//   - a balancer, which chooses the instance: see below;
//   - one gRPC connection for each instance, shared by all calls. It is closed after discovery has
//     removed the instance and the calls on it have ended.
//
// Errors, whether the client retries them, and how the circuit breaker counts them:
//
//	error                                     retried       counted as
//	NotFound, InvalidArgument                 no            success
//	cancellation or deadline of the caller    no            not counted
//	no instance known                         no            not counted
//	PermissionDenied, Unauthenticated,        no            not counted
//	FailedPrecondition, OutOfRange,
//	AlreadyExists
//	Unimplemented, or HTTP instead of gRPC,   yes, freely   not counted
//	with a status below 500, except for 429
//	Internal: a message that cannot be        no            not counted
//	encoded or decoded
//	ResourceExhausted, also a message that    if the server not counted
//	is too large                              permits it
//	no connection, so not sent                yes, freely   failure
//	no answer within the attempt's limit      yes           failure
//	any other error                           yes           failure
//
// Only the result of a call's last attempt is counted. Those that are not counted are the same at
// every instance or say nothing about the service, so they do not stop other calls. Until discovery
// has sent an event, a call waits for it; then "no instance known" is the end of its time.
//
// # Retries
//
// A server controls retries with the trailer grpc-retry-pushback-ms (gRFC A6) or the status detail
// google.rpc.RetryInfo: the client waits as long as they require, and makes no further attempt if
// the trailer is negative or malformed. A delay that exceeds the call's time ends the call with the
// server's error.
//
// Retries and hedges are limited to a share of the calls, so servers that fail get little more load
// than servers that work; see [Config]. An attempt that could not be sent because its instance has
// no connection is no load: it is repeated at once at an instance that the call has not tried, and
// counts neither as an attempt (10 times in a call) nor for that share. The same holds for an
// attempt at an instance that does not serve the method; those at instances that are then set aside
// are not limited to 10. If no instance serves the method, the call fails after at most one attempt
// at each of them. Attempts after the first have their number in the metadata
// grpc-previous-rpc-attempts (gRFC A6).
//
// An attempt that has no answer in time is replaced: it is cancelled, and another one is made at
// another instance. Only an attempt that another one may follow is replaced, so servers that are
// merely slow answer each call. An instance that has not answered for longer than the attempt has
// taken does not replace it. An instance that hangs therefore costs the calls that it has at the
// time no more than the limit of an attempt; the balancer avoids it because of the calls in flight.
// If the attempt is the last one, or the call has tried all instances, it goes on, and one extra
// attempt is made beside it at another instance, which the call can have left because it was slow.
// The extra attempt is a hedge that does not count, and is cancelled if the other one fails.
//
// # Tracing
//
// Each attempt has a CLIENT span of the tracer, a child of the span in the call's context, with the
// tags previous-rpc-attempts (after the first), attempt.hedge (of a hedge) and attempt.cancelled
// (another attempt has answered or failed; this is no error). A replaced attempt, and one that has
// exceeded its limit when another one answers, is an error with the status DeadlineExceeded.
//
// # Choice of an instance
//
// Config.Balancer is the name of the balancer:
//
//	p2c          the better of two random instances, by latency × (calls in flight + 1)
//	round_robin  one after the other
//	random       a random one
//	weighted     as often as the number "weight" in the metadata says; 1 without one
//
// The latency of p2c is an average that rises at once and falls within some seconds. A failed
// attempt counts as a slow one. An instance that was not chosen for 1 s is tried again. A new
// instance has the median latency until its first call has ended, and gets its full share of calls
// within 10 s of its first connection. Latencies and counts belong to the address, and survive that
// discovery removes an instance and adds it again. With the other balancers, the first calls of
// clients that start together go to different instances. A further attempt of a call goes to a
// random instance that the call has not tried, or with p2c to the better of two.
//
// With all balancers, an instance that has not answered for 4 times its latency, at least 40 ms and
// at most 4 s, is chosen only to test it, if another one answers: once a second, and 5 times a
// second for all such instances. Calls leave the zone of the client if all its instances hang.
//
// An address of another service, or of an HTTP server, answers that it does not serve the method.
// It costs no call, whatever the balancer: the call is repeated elsewhere, and an instance that has
// had no success on its connection is set aside, which is logged at warn level. Ejection is not
// needed for that, so it also holds for one of three instances. An instance that is set aside is
// tested by the first attempt of a call once a second, 5 times a second for all. It is used again
// after a success or on a new connection, and if there is no other one. An instance that serves
// other methods stays in use; p2c prefers others, because the failure counts as a slow call. An
// HTTP answer with 429, or 500 and above, is an error like any other: it does not show which server
// has sent it.
//
// Connections are made in the background, 500 a second, and made again when they are lost. Calls
// use connected instances only. If none is connected, calls wait for one as long as some are
// connecting; if the last attempt to connect has failed at all of them, calls fail with its error.
//
// With Config.Zone, calls stay in the client's zone, by "zone" in the metadata, as long as its
// connected instances are as many as those of the average zone. If they are fewer, as many calls as
// they have capacity for stay, and the others go to zones with more instances than the average, as
// in Envoy's zone aware routing. [WithMetadata] provides the metadata.
//
// # Ejection
//
// An instance that fails more calls than the others is ejected for Config.EjectTime and, if it is
// ejected again, as much longer each time, up to 5 minutes: gRFC A50, with its defaults. In each
// Config.EjectInterval, instances are compared by success rate if at least 5 have had 100 attempts.
// Those that fail more than 85 % of 50 attempts are ejected if there are at least 5 instances. At
// most half of the instances are ejected: with A50's 10 %, one of two bad ones among ten would stay
// in use. If less than half are connected and not ejected, ejections have no effect. Ejected
// instances come back one at a time.
//
// Each ejection is logged at warn level and each return at info level. While instances are ejected,
// the CLIENT spans of attempts have their number in the tag "balancer.ejected". [Client.Stats]
// counts both.
package client

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/go-kit/kit/endpoint"
	"github.com/go-kit/kit/sd"
	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc"

	"bookservice/service"
	"bookservice/service/bookendpoint"
	"bookservice/service/bookgrpc"
	"bookservice/service/client/internal/balance"
	"bookservice/service/internal/kitlog"
)

// A Client calls the book service. Its methods may be called concurrently. Every error of a call
// has a gRPC status, which [google.golang.org/grpc/status.Code] returns.
type Client struct {
	cfg          Config
	set          bookendpoint.Set
	pool         *pool
	subscription *subscription
	hedge        hedgePolicy
	budget       *budget
	watches      sync.Pool // of *watch
	breaker      *breaker
	health       *health
	bulkhead     bulkhead.Bulkhead[any]
	closeOnce    sync.Once
	closed       atomic.Bool
}

var _ service.Service = (*Client)(nil)

// An Option configures [New].
type Option func(*options)

type options struct {
	logger *slog.Logger
	dial   []grpc.DialOption
	client []bookgrpc.ClientOption

	metadata       func(addr string) map[string]string
	changeEjection func(*balance.Ejection) // of tests
}

// WithLogger sets the logger. Errors of discovery are logged at warn level, errors of the tracer at
// debug level. Errors of calls are returned and not logged. The default is [slog.Default] at the
// time of the call to [New]. A nil logger discards all records.
func WithLogger(logger *slog.Logger) Option { return func(o *options) { o.logger = logger } }

// WithDialOptions adds options for the connections. They are applied after
// [bookgrpc.DialOptions].
func WithDialOptions(opts ...grpc.DialOption) Option {
	return func(o *options) { o.dial = append(o.dial, opts...) }
}

// WithPeerService sets the tag peer.service of the spans: the server's name. The default is
// "bookserver".
func WithPeerService(name string) Option {
	return func(o *options) { o.client = append(o.client, bookgrpc.WithPeerService(name)) }
}

// WithMetadata sets the function that returns the metadata of an instance, or nil. The client uses
// "zone", if Config.Zone is set, and "weight", a number of 0 or more, if the balancer is weighted.
// It calls the function when the list of instances changes, for the new ones, and for all once in
// each Config.EjectInterval; not at all if it needs no metadata.
func WithMetadata(metadata func(addr string) map[string]string) Option {
	return func(o *options) { o.metadata = metadata }
}

// New returns a client of the instances that instancer provides, each a host:port. The client
// follows changes. Instances that the method Register of instancer sends before it returns are
// known when New returns. Until instancer has sent an event, calls wait for it within their time:
// so no call fails because it is made at once.
//
// The error is that of [Config.Validate]. The caller must close the client. New does not take
// ownership of instancer; the caller stops it after closing the client.
func New(instancer sd.Instancer, tracer opentracing.Tracer, cfg Config,
	opts ...Option) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	o := options{logger: slog.Default()}
	for _, opt := range opts {
		opt(&o)
	}
	c := &Client{
		cfg:      cfg,
		pool:     openPool(tracer, cfg.Balancing, o, kitlog.OrDiscard(o.logger)),
		budget:   newBudget(cfg.RetryBudget),
		breaker:  newBreaker(cfg),
		health:   newHealth(),
		bulkhead: bulkhead.New[any](uint(cfg.MaxConcurrent)),
		hedge:    cfg.hedgePolicy(),
		watches:  sync.Pool{New: newWatch},
	}
	c.pool.joined = c.health.joined
	infoOf := func(s *bookendpoint.Set) endpoint.Endpoint { return s.Info }
	listOf := func(s *bookendpoint.Set) endpoint.Endpoint { return s.List }
	c.set = bookendpoint.Set{
		Info: c.newEndpoint("GetBookInfo", infoOf),
		List: c.newEndpoint("GetBookList", listOf),
	}
	c.subscription = subscribe(instancer, c.pool)
	return c, nil
}

// BookInfo implements [service.Service].
func (c *Client) BookInfo(ctx context.Context, id int32) (service.Book, error) {
	return c.set.BookInfo(ctx, id)
}

// BookList implements [service.Service].
func (c *Client) BookList(ctx context.Context, page, limit int32) ([]service.Book, error) {
	return c.set.BookList(ctx, page, limit)
}

// Wait waits until discovery has provided the first instance, and returns nil. Later calls use the
// instance. If ctx is done before, Wait returns the context's error.
func (c *Client) Wait(ctx context.Context) error {
	select {
	case <-c.pool.first:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close closes the client. New calls, and further attempts of active calls, fail with [ErrClosed].
// Close waits for active attempts, at most the timeout of a call, and then closes the connections.
// When it returns, the client has no goroutines. It always returns nil. It may be called several
// times.
func (c *Client) Close() error {
	c.closeOnce.Do(func() {
		c.closed.Store(true)
		c.subscription.end()
	})
	c.pool.open.Wait()
	return nil
}
