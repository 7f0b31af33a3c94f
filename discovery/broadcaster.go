package discovery

import (
	"slices"
	"sync"

	"github.com/go-kit/kit/sd"
)

// A broadcaster remembers the last good list and tells its subscribers. Telling
// never waits for a subscriber: each has a goroutine and a mailbox of its own.
// Its Register and Deregister are those of an sd.Instancer.
type broadcaster struct {
	mu          sync.Mutex
	instances   []string // sorted, each once
	known       bool     // there was a list
	err         error    // what keeps from a newer list, nil when nothing does
	subscribers map[chan<- sd.Event]*mailbox
	closed      chan struct{} // closed by close
}

func newBroadcaster() *broadcaster {
	return &broadcaster{
		subscribers: map[chan<- sd.Event]*mailbox{},
		closed:      make(chan struct{}),
	}
}

// Register subscribes ch and tells it what is known: the last good list, then the
// error of an outage that lasts. It does not wait for a receiver. After Stop it
// does nothing.
func (b *broadcaster) Register(ch chan<- sd.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.isClosed() {
		return
	}
	box, ok := b.subscribers[ch]
	if !ok {
		box = newMailbox(ch)
		b.subscribers[ch] = box
	}
	if b.known {
		box.put(sd.Event{Instances: b.instances})
	}
	if b.err != nil {
		box.put(sd.Event{Err: b.err})
	}
}

// Deregister ends the subscription of ch; nothing is sent on ch after it has
// returned. The lock is held meanwhile, so that this holds for the second of two
// calls too; the mailbox does not need it to end.
func (b *broadcaster) Deregister(ch chan<- sd.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if box, ok := b.subscribers[ch]; ok {
		delete(b.subscribers, ch)
		box.close()
	}
}

// update tells a list unless all know it already, and ends an outage. It keeps
// the list, which need be neither sorted nor without duplicates.
func (b *broadcaster) update(instances []string) {
	slices.Sort(instances)
	instances = slices.Compact(instances)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.known && b.err == nil && slices.Equal(b.instances, instances) {
		return
	}
	b.instances, b.known, b.err = instances, true, nil
	b.tell(sd.Event{Instances: instances})
}

// fail tells an error, the first of an outage only, and reports whether it did.
func (b *broadcaster) fail(err error) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return false
	}
	b.err = err
	b.tell(sd.Event{Err: err})
	return true
}

// failed reports whether there is an outage.
func (b *broadcaster) failed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err != nil
}

func (b *broadcaster) tell(event sd.Event) {
	for _, box := range b.subscribers {
		box.put(event)
	}
}

// close ends all subscriptions. Closing again is nothing.
func (b *broadcaster) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.isClosed() {
		return
	}
	close(b.closed)
	for ch, box := range b.subscribers {
		delete(b.subscribers, ch)
		box.close()
	}
}

func (b *broadcaster) isClosed() bool {
	select {
	case <-b.closed:
		return true
	default:
		return false
	}
}

func (b *broadcaster) stopped() <-chan struct{} { return b.closed }
