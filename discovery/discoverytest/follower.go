package discoverytest

import (
	"slices"
	"testing"
	"time"

	"github.com/go-kit/kit/sd"
)

// A Follower is a subscriber of an instancer. It must not be used concurrently.
type Follower struct {
	events chan sd.Event
}

// Follow subscribes to an instancer until the test ends.
func Follow(t testing.TB, instancer sd.Instancer) *Follower {
	t.Helper()
	f := &Follower{events: make(chan sd.Event)}
	instancer.Register(f.events)
	t.Cleanup(func() { instancer.Deregister(f.events) })
	return f
}

// Next returns the next event. It fails the test if there is none within limit.
func (f *Follower) Next(t testing.TB, limit time.Duration) sd.Event {
	t.Helper()
	select {
	case event := <-f.events:
		return event
	case <-time.After(limit):
		t.Fatalf("have no event within %s, want one", limit)
		return sd.Event{}
	}
}

// WaitFor receives events until one lists exactly these instances, in any order. It fails the test
// if there is none within limit.
func (f *Follower) WaitFor(t testing.TB, limit time.Duration, instances ...string) {
	t.Helper()
	slices.Sort(instances)
	f.waitFor(t, limit, instances, func(event sd.Event) bool {
		return event.Err == nil && slices.Equal(event.Instances, instances)
	})
}

// WaitForError receives events until one has an error, and returns the error. It fails the test if
// there is none within limit.
func (f *Follower) WaitForError(t testing.TB, limit time.Duration) error {
	t.Helper()
	return f.waitFor(t, limit, "an error", func(event sd.Event) bool {
		return event.Err != nil
	}).Err
}

func (f *Follower) waitFor(
	t testing.TB, limit time.Duration, want any, match func(sd.Event) bool,
) sd.Event {
	t.Helper()
	timeout := time.After(limit)
	var received []sd.Event
	for {
		select {
		case event := <-f.events:
			if match(event) {
				return event
			}
			received = append(received, event)
		case <-timeout:
			t.Fatalf("have events %v within %s, want %v", received, limit, want)
		}
	}
}
