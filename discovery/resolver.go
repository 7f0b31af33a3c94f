package discovery

import (
	"fmt"

	"github.com/go-kit/kit/sd"
	"google.golang.org/grpc/resolver"
)

// ResolverScheme is the scheme of the targets that [NewResolver] resolves.
const ResolverScheme = "discovery"

// NewResolver returns a gRPC resolver for targets of the form "discovery:///SERVICE", whose service
// is named as for [Registry.Instancer]. It is for [grpc.WithResolvers]; nothing is registered
// globally:
//
//	grpc.NewClient("discovery:///books",
//		grpc.WithResolvers(discovery.NewResolver(registry)),
//		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig": [{"round_robin": {}}]}`), …)
//
// Each connection has an instancer of its own, which the end of the connection stops. The registry
// must be closed after all connections. During an outage of etcd, gRPC keeps the last list. Calls
// fail, or wait if they are to wait, as long as there has been no list, or the list is empty.
//
// [grpc.WithResolvers]: https://pkg.go.dev/google.golang.org/grpc#WithResolvers
func NewResolver(r Registry) resolver.Builder { return resolverBuilder{r} }

type resolverBuilder struct{ registry Registry }

// Scheme implements [resolver.Builder].
func (resolverBuilder) Scheme() string { return ResolverScheme }

// Build implements [resolver.Builder].
func (b resolverBuilder) Build(
	target resolver.Target, conn resolver.ClientConn, _ resolver.BuildOptions,
) (resolver.Resolver, error) {
	if target.URL.Host != "" {
		return nil, fmt.Errorf("discovery: target %q must be %s:///SERVICE", target.URL.String(),
			ResolverScheme)
	}
	i, err := b.registry.Instancer(target.Endpoint())
	if err != nil {
		return nil, err
	}
	r := &instanceResolver{
		instancer: i,
		conn:      conn,
		events:    make(chan sd.Event),
		done:      make(chan struct{}),
	}
	i.Register(r.events)
	go r.run()
	return r, nil
}

// An instanceResolver forwards the lists of an instancer to gRPC.
type instanceResolver struct {
	instancer sd.Instancer
	conn      resolver.ClientConn
	events    chan sd.Event
	done      chan struct{}
}

func (r *instanceResolver) run() {
	defer close(r.done)
	listed := false
	for e := range r.events {
		switch {
		case e.Err == nil:
			listed = true
			r.update(e.Instances)
		case !listed:
			r.conn.ReportError(e.Err)
		}
	}
}

// update forwards a list. gRPC's error for an empty list is that of the calls, too.
func (r *instanceResolver) update(instances []string) {
	var s resolver.State
	for _, address := range instances {
		s.Endpoints = append(s.Endpoints, resolver.Endpoint{
			Addresses: []resolver.Address{{Addr: address}},
		})
	}
	_ = r.conn.UpdateState(s)
}

// ResolveNow implements [resolver.Resolver]. It has no effect: each change is forwarded anyway.
func (*instanceResolver) ResolveNow(resolver.ResolveNowOptions) {}

// Close implements [resolver.Resolver].
func (r *instanceResolver) Close() {
	r.instancer.Deregister(r.events)
	close(r.events)
	<-r.done
	r.instancer.Stop()
}
