// Package client is the book service as its callers see it: a [service.Service] that finds the service's instances through
// discovery and hides their faults. From the outside inwards a call goes through
//
//   - a limit on calls at once, [ErrBusy] beyond it;
//   - a circuit breaker over all calls of the client, [ErrOpen] while it is open, and the time limit of a call;
//   - retries with exponential backoff, each at an instance that this call has not tried yet, if there is one;
//   - round robin over the instances that discovery knows;
//   - one gRPC connection an instance, shared by all calls, which is closed when the instance is gone from discovery and
//     the calls that are on it have ended.
//
// What counts as a fault:
//
//	NotFound, InvalidArgument                   an answer: neither retried nor counted by the breaker
//	the caller's own cancellation or deadline   neither retried nor counted
//	no instance known                           neither retried nor counted
//	Unimplemented, PermissionDenied,            not retried, for it would be the same again, but counted
//	Unauthenticated, FailedPrecondition,
//	OutOfRange, AlreadyExists
//	all else                                    retried; counted when the retries did not help
//
// Each attempt is one CLIENT span of the tracer, a child of the span in the call's context.
package client

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"bookservice/service"
	"bookservice/service/bookendpoint"
	"bookservice/service/bookgrpc"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/go-kit/kit/endpoint"
	"github.com/go-kit/kit/sd"
	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc"
)

// A Client calls the book service. All methods may be called concurrently. Every error of a call carries a gRPC status,
// which [google.golang.org/grpc/status.Code] reads.
type Client struct {
	cfg        Config
	set        bookendpoint.Set
	pool       *pool
	endpointer *sd.DefaultEndpointer
	next       atomic.Uint64 // round robin
	retry      failsafe.Executor[any]
	breaker    *breaker
	bulkhead   bulkhead.Bulkhead[any]
	closing    sync.Once
	closed     atomic.Bool
}

var _ service.Service = (*Client)(nil)

// An Option changes what [New] makes.
type Option func(*options)

type options struct {
	logger *slog.Logger
	dial   []grpc.DialOption
	client []bookgrpc.ClientOption
}

// WithLogger sets where faults of discovery are logged, at warn level. The default is nowhere. A call's error is returned
// and not logged.
func WithLogger(logger *slog.Logger) Option { return func(o *options) { o.logger = logger } }

// WithDialOptions adds options to those of [bookgrpc.Dial], with which each connection is made.
func WithDialOptions(opts ...grpc.DialOption) Option {
	return func(o *options) { o.dial = append(o.dial, opts...) }
}

// WithPeerService sets the server's name on the spans (the tag peer.service). The default is "bookserver".
func WithPeerService(name string) Option {
	return func(o *options) { o.client = append(o.client, bookgrpc.WithPeerService(name)) }
}

// New returns a client of the instances that instancer tells of, host:port each, now and later. Those known at once are
// known to the client when New returns. The error is cfg's: see [Config.Validate]. The caller must Close the client, and
// after that stop the instancer, which stays the caller's.
func New(instancer sd.Instancer, tracer opentracing.Tracer, cfg Config, opts ...Option) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	o := options{logger: slog.New(slog.DiscardHandler)}
	for _, opt := range opts {
		opt(&o)
	}
	c := &Client{
		cfg:      cfg,
		pool:     newPool(connector(tracer, o)),
		retry:    newRetry(cfg),
		breaker:  newBreaker(cfg),
		bulkhead: bulkhead.New[any](uint(cfg.MaxConcurrent)),
	}
	c.set = bookendpoint.Set{
		Info: c.method("GetBookInfo", func(s *bookendpoint.Set) endpoint.Endpoint { return s.Info }),
		List: c.method("GetBookList", func(s *bookendpoint.Set) endpoint.Endpoint { return s.List }),
	}
	c.endpointer = sd.NewEndpointer(settled{instancer}, c.pool.factory, endpointerLogger(o.logger))
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

// Wait returns when the client knows, or has known, an instance, or with the context's error.
func (c *Client) Wait(ctx context.Context) error {
	select {
	case <-c.pool.first:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends the client. Attempts that are on their way are left to end, which takes at most as long as a call may take,
// and then their connections are closed; no further ones are made, and calls end with [ErrClosed]. Close returns when
// nothing is left running, always nil. It may be called more than once.
func (c *Client) Close() error {
	c.closing.Do(func() {
		c.closed.Store(true)
		c.endpointer.Close()
		c.pool.retireAll()
	})
	c.pool.wait()
	return nil
}
