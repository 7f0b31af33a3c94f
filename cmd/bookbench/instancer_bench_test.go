package main

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/go-kit/kit/endpoint"
	"github.com/go-kit/kit/sd"
	"github.com/go-kit/kit/sd/etcdv3"
	kitlog "github.com/go-kit/log"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"

	"bookservice/cmd/bookbench/internal/kit"
	"bookservice/cmd/bookbench/internal/ours"
	"bookservice/discovery"
	"bookservice/discovery/etcdembed"
	bookclient "bookservice/service/client"
)

const many = 1000 // instances

// A source is an instancer whose events the benchmark sends.
type source struct{ ch chan<- sd.Event }

// Register implements [sd.Instancer].
func (s *source) Register(ch chan<- sd.Event) { s.ch = ch }

// Deregister implements [sd.Instancer].
func (*source) Deregister(chan<- sd.Event) {}

// Stop implements [sd.Instancer].
func (*source) Stop() {}

// BenchmarkUpdate applies the change of one of 1,000 instances in the client: one that appears or
// leaves. Ours connects in the background; here the instance has left before its turn.
func BenchmarkUpdate(b *testing.B) {
	all, options := instances(many), answered(b, success)
	loop := func(b *testing.B, s *source, count func() int) {
		b.ReportAllocs()
		want := 0
		for n := 0; b.Loop(); n++ {
			list := all[n%2:] // with and without the first one
			s.ch <- sd.Event{Instances: list}
			s.ch <- sd.Event{Err: errors.New("barrier")}
			want = len(list)
		}
		if have := count(); have != want {
			b.Errorf("have %d instances, want %d", have, want)
		}
	}
	b.Run("go-kit", func(b *testing.B) {
		factory := func(string) (endpoint.Endpoint, io.Closer, error) {
			conn, err := grpc.NewClient("passthrough:///127.0.0.1:1", options...)
			if err != nil {
				return nil, nil, err
			}
			conn.Connect()
			return kit.Client(conn, nil), conn, nil
		}
		s := &source{}
		endpointer := sd.NewEndpointer(s, factory, kitlog.NewNopLogger())
		b.Cleanup(endpointer.Close)
		loop(b, s, func() int {
			found, _ := endpointer.Endpoints() // has no errors without InvalidateOnError
			return len(found)
		})
	})
	b.Run("ours", func(b *testing.B) {
		s := &source{}
		books, err := bookclient.New(s, nil, bookclient.DefaultConfig(),
			bookclient.WithLogger(ours.Quiet()),
			bookclient.WithDialOptions(options...))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { books.Close() })
		loop(b, s, func() int { return len(books.Stats().Instances) })
	})
}

// BenchmarkInstancer changes one of 1,000 keys in etcd and waits until the instancer has noticed.
// The etcd is in this process: the figures contain what it does.
func BenchmarkInstancer(b *testing.B) {
	b.Run("go-kit", func(b *testing.B) {
		e := startEtcd(b)
		c, err := etcdv3.NewClient(b.Context(), e.endpoints, etcdv3.ClientOptions{})
		if err != nil {
			b.Fatal(err)
		}
		instancer, err := etcdv3.NewInstancer(c, e.prefix, kitlog.NewNopLogger())
		if err != nil {
			b.Fatal(err)
		}
		e.loop(b, instancer)
	})
	b.Run("ours", func(b *testing.B) {
		e := startEtcd(b)
		c := discovery.DefaultConfig()
		c.Etcd, c.Prefix = e.endpoints, e.prefix
		registry, err := discovery.Open(b.Context(), c, discovery.WithLogger(ours.Quiet()))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { registry.Close() })
		instancer, err := registry.Instancer("")
		if err != nil {
			b.Fatal(err)
		}
		e.loop(b, instancer)
	})
}

// An etcd has 1,000 keys below the prefix.
type etcd struct {
	endpoints []string
	prefix    string
	client    *clientv3.Client
}

func startEtcd(b *testing.B) etcd {
	b.Helper()
	cluster, err := etcdembed.Start(b.Context(), etcdembed.Config{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { cluster.Close() })
	client, err := clientv3.New(clientv3.Config{Endpoints: cluster.Endpoints()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { client.Close() })
	e := etcd{cluster.Endpoints(), "/bench/", client}
	for _, addr := range instances(many) {
		if _, err := client.Put(b.Context(), e.prefix+addr, addr); err != nil {
			b.Fatal(err)
		}
	}
	return e
}

// loop adds and removes a key.
func (e etcd) loop(b *testing.B, instancer sd.Instancer) {
	b.Helper()
	events := make(chan sd.Event, 1)
	instancer.Register(events)
	defer instancer.Stop()
	e.await(b, events, many)
	b.ReportAllocs()
	const addr = "10.9.9.9:50051"
	for n := 0; b.Loop(); n++ {
		var err error
		if n%2 == 0 {
			_, err = e.client.Put(context.Background(), e.prefix+addr, addr)
		} else {
			_, err = e.client.Delete(context.Background(), e.prefix+addr)
		}
		if err != nil {
			b.Fatal(err)
		}
		e.await(b, events, many+1-n%2)
	}
	go func() { // until the process ends: go-kit's Stop may still send
		for range events {
		}
	}()
}

// await waits for an event with this number of instances.
func (etcd) await(b *testing.B, events <-chan sd.Event, want int) {
	b.Helper()
	for limit := time.After(time.Minute); ; {
		select {
		case event := <-events:
			if event.Err == nil && len(event.Instances) == want {
				return
			}
		case <-limit:
			b.Fatalf("have no event with %d instances", want)
		}
	}
}
