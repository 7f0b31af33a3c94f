package main

import (
	"context"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/go-kit/kit/sd"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// A listObserver measures how long the list of a client is not the right one. As go-kit's
// endpointer does by default, it keeps the last list when there is an error.
type listObserver struct {
	stop func()

	mu           sync.Mutex
	list         []string
	since        time.Time // of the list, or of begin
	empty, short time.Duration
}

func observeList(i sd.Instancer) *listObserver {
	o := &listObserver{since: time.Now()}
	events, quit := make(chan sd.Event), make(chan struct{})
	var receiving sync.WaitGroup
	receiving.Go(func() {
		for {
			select {
			case e := <-events:
				if e.Err == nil {
					o.set(e.Instances)
				}
			case <-quit:
				return
			}
		}
	})
	i.Register(events)
	o.stop = sync.OnceFunc(func() {
		i.Deregister(events)
		close(quit)
		receiving.Wait()
	})
	return o
}

func (o *listObserver) set(list []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.count()
	o.list = slices.Clone(list)
}

// count adds the time since the last change. It is called with the lock held.
func (o *listObserver) count() {
	now := time.Now()
	switch took := now.Sub(o.since); {
	case len(o.list) == 0:
		o.empty += took
	case !isComplete(o.list):
		o.short += took
	}
	o.since = now
}

// begin forgets what was before the fault.
func (o *listObserver) begin() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.since, o.empty, o.short = time.Now(), 0, 0
}

// end returns the times since begin.
func (o *listObserver) end() (empty, short time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.count()
	return o.empty, o.short
}

func (o *listObserver) has(address string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Contains(o.list, address)
}

func (o *listObserver) complete() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return isComplete(o.list)
}

func allComplete(all []*listObserver) bool {
	return !slices.ContainsFunc(all, func(o *listObserver) bool { return !o.complete() })
}

// isComplete reports whether a list has all instances, and nothing else that is no address.
func isComplete(list []string) bool {
	for n := range instances {
		if !slices.Contains(list, address(n)) {
			return false
		}
	}
	return !slices.ContainsFunc(list, func(text string) bool {
		_, _, err := net.SplitHostPort(text)
		return err != nil
	})
}

// A keyObserver polls the registrations of one system in etcd.
type keyObserver struct {
	w      *world
	prefix string

	mu       sync.Mutex
	isBad    bool // a registration was missing when etcd last answered
	badUntil time.Time
	end      time.Time // of the fault
}

// poll polls until ctx ends. It skips the times at which etcd does not answer.
func (k *keyObserver) poll(ctx context.Context) {
	for wait(ctx, pollInterval) == nil {
		short, cancel := context.WithTimeout(ctx, time.Second)
		resp, err := k.w.raw.Get(short, k.prefix, clientv3.WithPrefix())
		cancel()
		if err != nil {
			continue
		}
		registered := 0
		for _, kv := range resp.Kvs {
			if kv.Lease != 0 && string(kv.Key) == k.prefix+string(kv.Value) {
				registered++
			}
		}
		k.note(registered < instances)
	}
}

func (k *keyObserver) note(bad bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.isBad = bad; bad {
		k.badUntil = time.Now()
	}
}

func (k *keyObserver) faultEnds() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.end = time.Now()
}

func (k *keyObserver) missing() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.isBad
}

// back returns the time from the end of the fault until all registrations were in etcd.
func (k *keyObserver) back() time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.isBad {
		return never
	}
	return max(0, k.badUntil.Sub(k.end))
}
