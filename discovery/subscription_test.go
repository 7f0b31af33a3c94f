package discovery

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/kit/sd"
)

func TestSubscriptionKeepsTheLatestListAndError(t *testing.T) {
	a, b := sd.Event{Instances: []string{"a"}}, sd.Event{Instances: []string{"b"}}
	e, f := sd.Event{Err: errors.New("e")}, sd.Event{Err: errors.New("f")}
	for _, test := range []struct {
		name        string
		offer, want []sd.Event
	}{
		{"latest list", []sd.Event{a, b}, []sd.Event{b}},
		{"error after a list", []sd.Event{a, e}, []sd.Event{a, e}},
		{"latest error", []sd.Event{a, e, f}, []sd.Event{a, f}},
		{"list after an error", []sd.Event{a, e, b}, []sd.Event{b}},
		{"errors alone", []sd.Event{e, f}, []sd.Event{f}},
	} {
		t.Run(test.name, func(t *testing.T) {
			ch := make(chan sd.Event)
			s := newSubscription(ch)
			defer s.close()
			for _, event := range test.offer {
				s.offer(event)
			}
			for _, want := range test.want {
				select {
				case have := <-ch:
					if have.Err != want.Err || !slices.Equal(have.Instances, want.Instances) {
						t.Errorf("have %v, want %v", have, want)
					}
				case <-time.After(10 * time.Second):
					t.Fatalf("have no event, want %v", want)
				}
			}
			select {
			case have := <-ch:
				t.Errorf("have %v, want no further event", have)
			case <-time.After(10 * time.Millisecond):
			}
		})
	}
}

// In each round an event is offered between the sending of the former one and its removal.
func TestSubscriptionKeepsAnEventThatIsOfferedWhileItSends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := make(chan sd.Event)
		s := newSubscription(ch)
		defer s.close()
		for range 1000 {
			s.offer(sd.Event{Instances: []string{"a"}})
			synctest.Wait() // until it sends
			<-ch
			s.offer(sd.Event{Instances: []string{"b"}})
			select {
			case <-ch:
			case <-time.After(time.Second):
				t.Fatal("the event was removed before it was sent")
			}
		}
	})
}

// The subscription may send any of the events, but the latest one is always sent at the end.
func TestSubscriptionSendsTheLatestEventToAConcurrentReceiver(t *testing.T) {
	const last = "z"
	for range 200 {
		ch := make(chan sd.Event)
		s := newSubscription(ch)
		go func() {
			for _, address := range []string{"a", "b", "c", last} {
				s.offer(sd.Event{Instances: []string{address}})
			}
		}()
		for have := ""; have != last; {
			select {
			case event := <-ch:
				have = event.Instances[0]
			case <-time.After(10 * time.Second):
				t.Fatalf("have %q as the latest event, want %q", have, last)
			}
		}
		s.close()
	}
}
