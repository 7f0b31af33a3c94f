package discovery

import (
	"testing"
	"testing/synctest"

	"github.com/go-kit/kit/sd"
)

func TestWaitEndsItsSubscription(t *testing.T) {
	r, err := openStatic(Config{Instances: []string{"a:1"}}, options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	i, err := r.Instancer("")
	if err != nil {
		t.Fatal(err)
	}
	if err := Wait(t.Context(), i); err != nil {
		t.Fatal(err)
	}
	if have := len(i.(*staticInstancer).subscriptions); have != 0 {
		t.Errorf("have %d subscriptions after Wait, want 0", have)
	}
}

func TestUnchangedListIsNotPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroadcaster(subset{})
		defer b.close()
		ch := make(chan sd.Event)
		b.Register(ch)
		b.update([]string{"a:1", "b:1"})
		<-ch
		b.update([]string{"b:1", "a:1", "b:1"})
		synctest.Wait()
		select {
		case have := <-ch:
			t.Errorf("have event %v for an unchanged list, want none", have)
		default:
		}
	})
}
