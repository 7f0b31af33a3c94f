package client

import (
	"context"
	"flag"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc"

	"bookservice/service/bookendpoint"
	"bookservice/service/bookgrpc"
	"bookservice/service/client/internal/balance"
)

// tagEjected is the tag of the CLIENT spans with the number of ejected instances, if there are any.
const tagEjected = "balancer.ejected"

// minEjectInterval is the shortest interval in which outliers are detected.
const minEjectInterval = 100 * time.Millisecond

// Balancing is the part of [Config] about the choice of an instance.
type Balancing struct {
	// Balancer is "p2c" (the better of two random instances by latency and calls in flight),
	// "round_robin", "random" or "weighted" (by the metadata "weight").
	Balancer string

	// Zone is the zone of the client. Calls stay in it as long as its instances, by the metadata
	// "zone", have the capacity for it. If it is empty, zones have no effect.
	Zone string

	Eject         bool          // eject outliers as in gRFC A50
	EjectInterval time.Duration // in which calls are counted; 100 ms or more
	EjectTime     time.Duration // of the first ejection; more than 0
}

func defaultBalancing() Balancing {
	outliers := balance.DefaultEjection()
	return Balancing{
		Balancer:      balance.P2C,
		Eject:         true,
		EjectInterval: outliers.Interval,
		EjectTime:     outliers.BaseTime,
	}
}

func (b *Balancing) defineFlags(fs *flag.FlagSet) {
	fs.StringVar(&b.Balancer, "balancer", b.Balancer,
		"how an instance is chosen, one of "+strings.Join(balance.Names(), ", "))
	fs.StringVar(&b.Zone, "zone", b.Zone,
		"`zone` of this client, whose instances are preferred; empty for no zones")
	fs.BoolVar(&b.Eject, "eject", b.Eject,
		"do not use instances for a while that fail more calls than the others")
	fs.DurationVar(&b.EjectInterval, "eject-interval", b.EjectInterval,
		"time over which the failed calls of an instance are counted, 100ms or more")
	fs.DurationVar(&b.EjectTime, "eject-time", b.EjectTime,
		"how long the first ejection of an instance lasts; each further one is longer")
}

// A check is whether the value of a flag is allowed.
type check struct {
	ok      bool
	flag    string
	value   any
	allowed string
}

func (b *Balancing) checks() []check {
	return []check{
		{slices.Contains(balance.Names(), b.Balancer), "balancer", b.Balancer,
			"one of " + strings.Join(balance.Names(), ", ")},
		{b.EjectInterval >= minEjectInterval, "eject-interval", b.EjectInterval, "100ms or more"},
		{b.EjectTime > 0, "eject-time", b.EjectTime, "more than 0"},
	}
}

// ejection returns the configuration of ejections, with the changes of tests, or nil.
func (b *Balancing) ejection(change func(*balance.Ejection)) *balance.Ejection {
	if !b.Eject {
		return nil
	}
	outliers := balance.DefaultEjection()
	outliers.Interval, outliers.BaseTime = b.EjectInterval, b.EjectTime
	if change != nil {
		change(outliers)
	}
	return outliers
}

// openPool returns the pool of a client.
func openPool(tracer opentracing.Tracer, cfg Balancing, o options, logger *slog.Logger) *pool {
	p := newPool(balance.Config{
		Picker: cfg.Balancer, Zone: cfg.Zone, Ejection: cfg.ejection(o.changeEjection),
	}, cfg.EjectInterval, logger)
	if cfg.Zone != "" || cfg.Balancer == balance.Weighted {
		p.metadata = o.metadata
	}
	dial := o.dial
	if _, noop := tracer.(opentracing.NoopTracer); tracer != nil && !noop {
		dial = append([]grpc.DialOption{grpc.WithChainUnaryInterceptor(tagSpans(p.balancer))},
			dial...)
	}
	p.dial = func(addr string) (*grpc.ClientConn, bookendpoint.Set, error) {
		conn, err := bookgrpc.Dial(addr, dial...)
		if err != nil {
			return nil, bookendpoint.Set{}, err
		}
		opts := []bookgrpc.ClientOption{
			bookgrpc.WithPeerAddress(addr), bookgrpc.WithClientLogger(o.logger),
		}
		return conn, bookgrpc.NewClient(conn, tracer, append(opts, o.client...)...), nil
	}
	return p
}

// tagSpans returns an interceptor that adds the number of ejected instances to the CLIENT span of
// an attempt, which is the span in its context.
func tagSpans(b *balance.Balancer) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, request, reply any, conn *grpc.ClientConn,
		invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		if n := b.Ejected(); n > 0 {
			if span := opentracing.SpanFromContext(ctx); span != nil {
				span.SetTag(tagEjected, n)
			}
		}
		return invoke(ctx, method, request, reply, conn, opts...)
	}
}
