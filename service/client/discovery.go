package client

import (
	"errors"

	"github.com/go-kit/kit/sd"
)

// errSync is the error of the event that subscribe adds.
var errSync = errors.New("sync")

// A subscription passes the events of an instancer to a pool.
type subscription struct {
	instancer sd.Instancer
	events    chan sd.Event
	stop      chan struct{}
	done      chan struct{}
}

// subscribe returns after the pool has applied the events that Register sends itself. Those that
// another goroutine sends for it, as in package discovery, can come later. The channel is
// unbuffered, and the pool receives an event only after it has applied the previous one. An event
// with an error changes nothing, so it can follow as a barrier.
func subscribe(instancer sd.Instancer, p *pool) *subscription {
	s := &subscription{
		instancer: instancer,
		events:    make(chan sd.Event),
		stop:      make(chan struct{}),
		done:      make(chan struct{}),
	}
	go func() {
		defer close(s.done)
		p.follow(s.events, s.stop)
	}()
	instancer.Register(s.events)
	s.events <- sd.Event{Err: errSync}
	return s
}

// end ends the subscription and retires all instances of the pool. It must be called once.
func (s *subscription) end() {
	s.instancer.Deregister(s.events)
	close(s.stop)
	<-s.done
}
