package client

import (
	"sync"
	"time"
)

const (
	budgetSlots = 10 // of one second each: the time over which calls and retries are counted
	freeRetries = 3  // permitted at any rate of calls
)

// A budget limits retries and hedges to a share of the calls of the last 10 s. The window keeps
// them in reserve for a fault that hits many calls at once, and forgets them with the load. (The
// budget of failsafe-go limits concurrent attempts, so it permits all retries of a slow caller.)
type budget struct {
	share float64   // retries per call
	epoch time.Time // start of slot 0

	mu             sync.Mutex
	newest         int // number of the newest slot
	slots          [budgetSlots]budgetSlot
	calls, retries int // sums of the slots
}

type budgetSlot struct{ calls, retries int }

func newBudget(percent float64) *budget {
	return &budget{share: percent / 100, epoch: time.Now()}
}

// deposit counts a call.
func (b *budget) deposit(now time.Time) {
	b.mu.Lock()
	b.advance(now).calls++
	b.calls++
	b.mu.Unlock()
}

// take reports whether another retry or hedge is permitted, and counts it if so.
func (b *budget) take(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	slot := b.advance(now)
	if b.retries >= freeRetries && float64(b.retries+1) > b.share*float64(b.calls) {
		return false
	}
	slot.retries++
	b.retries++
	return true
}

// giveBack undoes take: the retry that was permitted at this time has not been sent.
func (b *budget) giveBack(taken time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.advance(taken)
	n := int(taken.Sub(b.epoch) / time.Second)
	if slot := &b.slots[n%budgetSlots]; n > b.newest-budgetSlots && slot.retries > 0 {
		slot.retries--
		b.retries--
	}
}

// advance returns the slot of now, and forgets the slots that have left the window.
func (b *budget) advance(now time.Time) *budgetSlot {
	n := max(b.newest, int(now.Sub(b.epoch)/time.Second))
	for range min(n-b.newest, budgetSlots) {
		b.newest++
		slot := &b.slots[b.newest%budgetSlots]
		b.calls -= slot.calls
		b.retries -= slot.retries
		*slot = budgetSlot{}
	}
	b.newest = n
	return &b.slots[n%budgetSlots]
}
