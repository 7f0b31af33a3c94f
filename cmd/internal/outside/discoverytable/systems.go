package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-kit/kit/sd"
	"github.com/go-kit/kit/sd/etcdv3"
	"github.com/go-kit/log"

	"bookservice/discovery"
)

const (
	// ttl is the default of both systems.
	ttl = 10 * time.Second

	// instances is the number of registered instances. Each has a connection of its own, as a
	// server has.
	instances = 4

	// setupLimit limits the time in which the instances are registered.
	setupLimit = 20 * time.Second
)

func address(n int) string { return fmt.Sprintf("10.0.0.%d:8080", n+1) }

// A setup is where a system registers its instances, and where its client looks for them.
type setup struct {
	prefix           string   // of the keys, with a slash at the end
	servers, clients []string // addresses of etcd
}

// A system is a way to register and find instances. Open registers all of them, and returns a
// client and a function that ends everything.
type system struct {
	name string
	open func(context.Context, setup) (sd.Instancer, func() error, error)
}

func systems() []system {
	return []system{{"bookservice/discovery", openOurs}, {"go-kit sd/etcdv3", openGoKit}}
}

func openOurs(ctx context.Context, s setup) (sd.Instancer, func() error, error) {
	var registries []discovery.Registry
	open := func(endpoints []string) (discovery.Registry, error) {
		c := discovery.DefaultConfig()
		c.Etcd, c.Prefix, c.TTL = endpoints, s.prefix, ttl
		r, err := discovery.Open(ctx, c, discovery.WithLogger(nil))
		if err == nil {
			registries = append(registries, r)
		}
		return r, err
	}
	closeAll := func() error { return closeRegistries(registries) }
	for n := range instances {
		r, err := open(s.servers)
		if err == nil {
			err = r.Registrar("", address(n)).Register(ctx)
		}
		if err != nil {
			return nil, nil, errors.Join(err, closeAll())
		}
	}
	r, err := open(s.clients)
	if err != nil {
		return nil, nil, errors.Join(err, closeAll())
	}
	i, err := r.Instancer("")
	if err != nil {
		return nil, nil, errors.Join(err, closeAll())
	}
	return i, closeAll, nil
}

func closeRegistries(registries []discovery.Registry) error {
	errs := make([]error, len(registries))
	var closing sync.WaitGroup
	for n, r := range registries {
		closing.Go(func() { errs[n] = r.Close() })
	}
	closing.Wait()
	return errors.Join(errs...)
}

// openGoKit uses go-kit's defaults. Its clients cannot be closed: they end with their context,
// except for their connections.
func openGoKit(ctx context.Context, s setup) (sd.Instancer, func() error, error) {
	limited, stop := context.WithCancel(context.WithoutCancel(ctx))
	for n := range instances {
		client, err := etcdv3.NewClient(limited, s.servers, etcdv3.ClientOptions{})
		if err != nil {
			stop()
			return nil, nil, err
		}
		registrar := etcdv3.NewRegistrar(client, etcdv3.Service{
			Key:   s.prefix + address(n),
			Value: address(n),
			TTL:   etcdv3.NewTTLOption(ttl/3, ttl),
		}, log.NewNopLogger())
		registrar.Register()
	}
	client, err := etcdv3.NewClient(limited, s.clients, etcdv3.ClientOptions{})
	if err != nil {
		stop()
		return nil, nil, err
	}
	i, err := etcdv3.NewInstancer(client, s.prefix, log.NewNopLogger())
	if err != nil {
		stop()
		return nil, nil, err
	}
	return i, func() error { i.Stop(); stop(); return nil }, nil
}
