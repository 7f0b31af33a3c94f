package discovery

import (
	"slices"
	"sync"

	"github.com/go-kit/kit/sd"
)

// A broadcaster stores the last list of instances and publishes each change to its subscribers. It
// never waits for a subscriber. Register and Deregister implement those of [sd.Instancer].
type broadcaster struct {
	mu            sync.Mutex
	instances     []string // sorted, without duplicates
	published     []string // those that subset selects
	subset        subset
	hasList       bool  // instances has been set
	err           error // of the current outage, nil if there is none
	subscriptions map[chan<- sd.Event]*subscription
	closed        chan struct{} // closed by close
}

func newBroadcaster(s subset) *broadcaster {
	return &broadcaster{
		subset:        s,
		subscriptions: map[chan<- sd.Event]*subscription{},
		closed:        make(chan struct{}),
	}
}

// Register subscribes ch, which is sent the last list first, and then the error of the current
// outage, if there is one. Register does not wait for a receiver. After Stop it has no effect.
func (b *broadcaster) Register(ch chan<- sd.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.isClosed() {
		return
	}
	s, ok := b.subscriptions[ch]
	if !ok {
		s = newSubscription(ch)
		b.subscriptions[ch] = s
	}
	if b.hasList {
		s.offer(sd.Event{Instances: b.published})
	}
	if b.err != nil {
		s.offer(sd.Event{Err: b.err})
	}
}

// Deregister ends the subscription of ch. Nothing is sent on ch after it has returned. It holds the
// lock until the subscription has ended, so that this is also true of a concurrent second call.
func (b *broadcaster) Deregister(ch chan<- sd.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s, ok := b.subscriptions[ch]; ok {
		delete(b.subscriptions, ch)
		s.close()
	}
}

// update publishes a list if it differs from the last one, or if it ends an outage. The list may be
// unsorted and have duplicates. It belongs to the broadcaster afterwards.
func (b *broadcaster) update(instances []string) {
	slices.Sort(instances)
	instances = slices.Compact(instances)
	b.mu.Lock()
	defer b.mu.Unlock()
	changed := !slices.Equal(b.instances, instances)
	b.instances = instances
	b.publishList(changed)
}

// publishList publishes the selected instances if the list has changed and they have, too, or if
// the list is the first one or ends an outage.
func (b *broadcaster) publishList(changed bool) {
	due := !b.hasList || b.err != nil
	b.hasList, b.err = true, nil
	if !changed && !due {
		return
	}
	selected := b.subset.of(b.instances)
	unchanged := len(selected) < len(b.instances) && slices.Equal(selected, b.published)
	b.published = selected
	if due || !unchanged {
		b.publish(sd.Event{Instances: selected})
	}
}

// change adds the touched addresses that are listed and removes the others, and publishes the list
// if that has changed it, or if it ends an outage.
func (b *broadcaster) change(touched []string, listed func(string) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	changed := false
	for _, address := range touched {
		n, found := slices.BinarySearch(b.instances, address)
		switch {
		case listed(address) == found:
			continue
		case found:
			b.instances = slices.Delete(b.instances, n, n+1)
		default:
			b.instances = slices.Insert(b.instances, n, address)
		}
		changed = true
	}
	b.publishList(changed)
}

// fail publishes an error if it is the first of an outage, and reports whether it is.
func (b *broadcaster) fail(err error) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return false
	}
	b.err = err
	b.publish(sd.Event{Err: err})
	return true
}

// failed reports whether there is an outage.
func (b *broadcaster) failed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err != nil
}

func (b *broadcaster) publish(e sd.Event) {
	for _, s := range b.subscriptions {
		s.offer(e)
	}
}

// close ends all subscriptions. Further calls have no effect.
func (b *broadcaster) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.isClosed() {
		return
	}
	close(b.closed)
	for ch, s := range b.subscriptions {
		delete(b.subscriptions, ch)
		s.close()
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

// stopped implements locator.
func (b *broadcaster) stopped() <-chan struct{} { return b.closed }

// count returns the length of the published list and the error of the current outage.
func (b *broadcaster) count() (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.published), b.err
}
