package client

import (
	"errors"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/go-kit/kit/sd"
	"google.golang.org/grpc"

	"bookservice/service/bookendpoint"
	"bookservice/service/client/internal/balance"
)

// maxTick is the time between two checks of the balancer, at most.
const maxTick = time.Second

// maxWeight is the largest weight of an instance, so that sums of weights are numbers.
const maxWeight = math.MaxFloat32

// A pool holds the instances that discovery provides. The goroutine of follow changes the list; the
// goroutine of each instance makes its connection. Calls use the balancer alone.
type pool struct {
	balancer *balance.Balancer
	logger   *slog.Logger
	dial     func(addr string) (*grpc.ClientConn, bookendpoint.Set, error)
	launch   func(*instance)                     // starts the instance's goroutine
	metadata func(addr string) map[string]string // nil if the balancer needs none
	interval time.Duration                       // of ejections
	joined   func(time.Time)                     // before an instance is up for the first time

	answered chan struct{} // closed when the pool has applied the first event

	first chan struct{} // closed when the pool gets its first instance
	slots chan struct{} // has an element for each instance that has just begun to connect
	open  sync.WaitGroup

	// Used by the goroutine of follow alone.
	addrs     []string      // sorted, without duplicates
	live      []*instance   // those of addrs
	unsorted  []string      // reused by update
	changed   []*instance   // reused by replace
	described time.Duration // when the metadata was last read
}

func newPool(c balance.Config, interval time.Duration, logger *slog.Logger) *pool {
	return &pool{
		balancer: balance.New(c),
		logger:   logger,
		launch:   func(in *instance) { go in.run() },
		interval: interval,
		joined:   func(time.Time) {},
		answered: make(chan struct{}),
		first:    make(chan struct{}),
		slots:    make(chan struct{}, connectSlots),
	}
}

// follow applies the events until stop is closed, and retires all instances then.
func (p *pool) follow(events <-chan sd.Event, stop <-chan struct{}) {
	tick := time.NewTicker(max(min(maxTick, p.interval/10), time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case e := <-events:
			p.apply(e)
		case <-tick.C:
			p.check()
		case <-stop:
			p.update(nil)
			p.setAnswered()
			p.balancer.Wake()
			return
		}
	}
}

// apply applies an event of discovery. An event with an error changes nothing. An error whose
// method Logged returns true is in the log of its instancer.
func (p *pool) apply(e sd.Event) {
	switch {
	case e.Err == nil:
		p.update(e.Instances)
	case errors.Is(e.Err, errSync):
		return
	case isLogged(e.Err):
	default:
		p.logger.Warn("discovery", "err", e.Err)
	}
	p.setAnswered()
}

// isLogged reports whether err is in the log already.
func isLogged(err error) bool {
	type logged interface {
		error
		Logged() bool
	}
	by, ok := errors.AsType[logged](err)
	return ok && by.Logged()
}

// setAnswered ends the waiting for the first event.
func (p *pool) setAnswered() {
	select {
	case <-p.answered:
	default:
		close(p.answered)
	}
}

// update makes list the list of the pool, and keeps no reference to it. An address that is there
// twice is one instance. Of a sorted list without duplicates, update looks only at what differs. If
// nothing differs, it does nothing.
func (p *pool) update(list []string) {
	from := 0
	for from < min(len(list), len(p.addrs)) && list[from] == p.addrs[from] {
		from++
	}
	to, oldTo := len(list), len(p.addrs)
	for to > from && oldTo > from && list[to-1] == p.addrs[oldTo-1] {
		to--
		oldTo--
	}
	if to == from && oldTo == from {
		return
	}
	if !ascending(list[max(from-1, 0):min(to+1, len(list))]) {
		p.unsorted = append(p.unsorted[:0], list...)
		slices.Sort(p.unsorted)
		p.update(slices.Compact(p.unsorted))
		clear(p.unsorted) // for the garbage collector
		return
	}
	p.replace(from, oldTo, list[from:to])
}

// ascending reports whether the list is sorted and has no duplicates.
func ascending(list []string) bool {
	for i := 1; i < len(list); i++ {
		if list[i-1] >= list[i] {
			return false
		}
	}
	return true
}

// replace replaces a part of the list. Instances that are in both parts stay.
func (p *pool) replace(from, to int, addrs []string) {
	now := p.balancer.Now()
	next, old := p.changed[:0], from
	for _, addr := range addrs {
		for old < to && p.addrs[old] < addr {
			p.remove(p.live[old])
			old++
		}
		if old < to && p.addrs[old] == addr {
			next = append(next, p.live[old])
			old++
			continue
		}
		next = append(next, p.add(now, addr))
	}
	for ; old < to; old++ {
		p.remove(p.live[old])
	}
	p.addrs = slices.Replace(p.addrs, from, to, addrs...)
	p.live = slices.Replace(p.live, from, to, next...)
	p.changed = next
	clear(p.changed) // for the garbage collector
}

func (p *pool) add(now time.Duration, addr string) *instance {
	in := &instance{addr: addr, pool: p, quit: make(chan struct{})}
	in.endpoint = p.balancer.Add(now, addr, in, p.attributes(addr))
	p.open.Add(2) // its goroutine and its connection
	p.launch(in)
	select {
	case <-p.first:
	default:
		close(p.first)
	}
	return in
}

func (p *pool) remove(in *instance) {
	p.balancer.Remove(in.endpoint)
	in.retire()
}

// check does what is due in the balancer, and logs it.
func (p *pool) check() {
	now := p.balancer.Now()
	for _, c := range p.balancer.Tick(now) {
		if c.Ejected {
			p.logger.Warn("instance ejected",
				"instance", c.Address, "for", c.For, "reason", c.Reason)
		} else {
			p.logger.Info("ejected instance is back", "instance", c.Address)
		}
	}
	if p.metadata != nil && now-p.described >= p.interval {
		p.described = now
		for _, in := range p.live {
			p.balancer.SetAttributes(in.endpoint, p.attributes(in.addr))
		}
	}
}

// attributes returns the zone and the weight in the metadata of an instance. The weight is 1 unless
// there is one of 0 or more. Larger ones than maxWeight count as it.
func (p *pool) attributes(addr string) balance.Attributes {
	a := balance.Attributes{Weight: 1}
	if p.metadata == nil {
		return a
	}
	m := p.metadata(addr)
	a.Zone = m["zone"]
	if w, err := strconv.ParseFloat(m["weight"], 64); err == nil && w >= 0 && !math.IsInf(w, 1) {
		a.Weight = min(w, maxWeight)
	}
	return a
}
