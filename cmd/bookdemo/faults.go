package main

import (
	"context"
	"sync"
	"time"
)

// How long a part is down.
const (
	serverDown    = 3 * time.Second
	etcdDown      = 4 * time.Second
	collectorDown = 4 * time.Second
)

// injectFaults stops and starts parts as -fault says, until ctx ends.
func (d *demo) injectFaults(ctx context.Context, running *sync.WaitGroup) {
	every := func(interval time.Duration, fault func(context.Context)) {
		if interval == 0 {
			return
		}
		running.Go(func() {
			for pause(ctx, interval) {
				fault(ctx)
			}
		})
	}
	next := 0
	every(d.cfg.Fault.Kill, func(ctx context.Context) {
		d.killServer(ctx, next)
		next = (next + 1) % numServers
	})
	every(d.cfg.Fault.Etcd, d.stopEtcd)
	if d.collector != nil {
		every(d.cfg.Fault.Collector, d.stopCollector)
	}
}

// pause waits for d. It reports false if ctx has ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// killServer breaks the connections of a server, which stays registered for a while, and starts
// another one in its place.
func (d *demo) killServer(ctx context.Context, i int) {
	s := d.server(i)
	if s == nil {
		return
	}
	d.say("fault: bookserver %s is killed, and stays registered for %v", s.Addr(), serverDown)
	s.Kill()
	pause(ctx, serverDown)
	d.mu.Lock()
	d.servers[i] = nil
	d.mu.Unlock()
	s.Stop()
	for ctx.Err() == nil {
		err := d.startServer(ctx, i)
		if err == nil {
			d.say("a new bookserver runs at %s", d.server(i).Addr())
			return
		}
		d.log.Warn("bookserver does not start", "err", err)
		pause(ctx, time.Second)
	}
}

// stopEtcd stops etcd for a while. Calls go on with the last list of servers.
func (d *demo) stopEtcd(ctx context.Context) {
	d.say("fault: etcd is stopped for %v", etcdDown)
	d.etcd.Stop()
	pause(ctx, etcdDown)
	if err := d.etcd.Restart(context.WithoutCancel(ctx), true); err != nil {
		d.log.Warn("etcd does not start", "err", err)
		return
	}
	d.say("etcd runs again")
}

// stopCollector refuses connections to the collector for a while. Spans stay queued.
func (d *demo) stopCollector(ctx context.Context) {
	d.say("fault: the collector is stopped for %v", collectorDown)
	if err := d.collector.Pause(); err != nil {
		d.log.Warn("the collector does not stop", "err", err)
	}
	pause(ctx, collectorDown)
	if err := d.collector.Resume(); err != nil {
		d.log.Warn("the collector does not start", "err", err)
		return
	}
	d.say("the collector runs again")
}
