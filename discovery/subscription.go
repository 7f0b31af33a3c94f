package discovery

import (
	"slices"
	"sync"

	"github.com/go-kit/kit/sd"
)

// A mailbox hands events to one subscriber at the subscriber's pace. It holds the
// newest list and the newest error after it; a newer list replaces both.
type mailbox struct {
	ch chan<- sd.Event

	mu    sync.Mutex
	queue []letter // at most a list, then an error
	count int      // letters so far

	wake chan struct{} // has room for one: the queue has changed
	quit chan struct{}
	done chan struct{}
}

// A letter has a number, to know it again after the lock was given away.
type letter struct {
	number int
	event  sd.Event
}

func newMailbox(ch chan<- sd.Event) *mailbox {
	m := &mailbox{
		ch:   ch,
		wake: make(chan struct{}, 1),
		quit: make(chan struct{}),
		done: make(chan struct{}),
	}
	go m.deliver()
	return m
}

// put takes a copy of the event, which becomes the receiver's own.
func (m *mailbox) put(event sd.Event) {
	event.Instances = slices.Clone(event.Instances)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.count++
	switch last := len(m.queue) - 1; {
	case event.Err == nil:
		m.queue = m.queue[:0]
	case last >= 0 && m.queue[last].event.Err != nil:
		m.queue = m.queue[:last]
	}
	m.queue = append(m.queue, letter{m.count, event})
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// deliver offers the first letter and looks again whenever the queue changes, so
// that a receiver that comes late gets what is newest then.
func (m *mailbox) deliver() {
	defer close(m.done)
	for {
		ch := m.ch
		next, ok := m.peek()
		if !ok {
			ch = nil // nothing to offer: wait for the queue to change
		}
		select {
		case ch <- next.event:
			m.drop(next.number)
		case <-m.wake:
		case <-m.quit:
			return
		}
	}
}

func (m *mailbox) peek() (letter, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.queue) == 0 {
		return letter{}, false
	}
	return m.queue[0], true
}

// drop removes the letter that was delivered, unless put has replaced it.
func (m *mailbox) drop(number int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.queue) > 0 && m.queue[0].number == number {
		m.queue = slices.Delete(m.queue, 0, 1)
	}
}

// close returns when nothing is sent any more. It is called once.
func (m *mailbox) close() {
	close(m.quit)
	<-m.done
}
