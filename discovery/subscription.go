package discovery

import (
	"slices"
	"sync"

	"github.com/go-kit/kit/sd"
)

// A subscription sends events to one channel from a goroutine of its own, so that a slow receiver
// delays no other. It holds the latest list, followed by the latest error if that is newer. A newer
// list replaces both.
type subscription struct {
	ch chan<- sd.Event

	mu      sync.Mutex
	pending []event // at most a list, then an error
	count   int     // of all events

	changed chan struct{} // has a capacity of one; receives a value when pending changes
	quit    chan struct{}
	done    chan struct{}
}

// An event has a number, by which remove identifies it.
type event struct {
	number int
	sd.Event
}

func newSubscription(ch chan<- sd.Event) *subscription {
	s := &subscription{
		ch:      ch,
		changed: make(chan struct{}, 1),
		quit:    make(chan struct{}),
		done:    make(chan struct{}),
	}
	go s.run()
	return s
}

// offer queues a copy of e and does not wait for the receiver.
func (s *subscription) offer(e sd.Event) {
	e.Instances = slices.Clone(e.Instances) // the receiver may change it
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	switch last := len(s.pending) - 1; {
	case e.Err == nil:
		s.pending = s.pending[:0]
	case last >= 0 && s.pending[last].Err != nil:
		s.pending = s.pending[:last]
	}
	s.pending = append(s.pending, event{s.count, e})
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// run sends the first pending event. When pending changes it begins anew, so that a late receiver
// gets the latest event.
func (s *subscription) run() {
	defer close(s.done)
	for {
		ch := s.ch
		e, ok := s.next()
		if !ok {
			ch = nil // a send on nil blocks: only changed and quit are left
		}
		select {
		case ch <- e.Event:
			s.remove(e.number)
		case <-s.changed:
		case <-s.quit:
			return
		}
	}
}

// next returns the first pending event, if there is one.
func (s *subscription) next() (event, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.pending) == 0 {
		return event{}, false
	}
	return s.pending[0], true
}

// remove removes the event that was sent, unless offer has replaced it meanwhile.
func (s *subscription) remove(number int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.pending) > 0 && s.pending[0].number == number {
		s.pending = slices.Delete(s.pending, 0, 1)
	}
}

// close ends the goroutine. After it has returned nothing is sent. It must be called once.
func (s *subscription) close() {
	close(s.quit)
	<-s.done
}
