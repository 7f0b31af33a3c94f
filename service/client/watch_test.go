package client

import (
	"testing"
	"testing/synctest"
	"time"
)

// overdueCall returns a call whose attempt is replaced after limit. It cannot be, so a watch calls
// its method overdue again and again.
func overdueCall(now time.Time, limit time.Duration) *call {
	c := &Client{cfg: DefaultConfig()}
	return &call{
		client: c, limit: limit, replace: now.Add(limit), made: c.cfg.RetryAttempts, returned: true,
	}
}

// A watch serves one call after the other, with times that are earlier or later than those of the
// calls before. The clock is that of the synctest bubble.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatch().(*watch)
		for _, limit := range []time.Duration{time.Second, time.Minute, time.Millisecond,
			time.Hour, 2 * time.Second} {
			for _, lasts := range []time.Duration{limit / 2, limit, limit*3 + limit/2} {
				now := time.Now()
				cl := overdueCall(now, limit)
				w.arm(cl, now, cl.replace)
				<-time.After(lasts)
				synctest.Wait()
				w.disarm()
				want := now.Add(limit) // and again until it has ended
				for !want.After(now.Add(lasts)) {
					want = want.Add(limit)
				}
				if have := cl.replace; !have.Equal(want) {
					t.Errorf("limit %v: after %v the call is overdue at %v, want %v",
						limit, lasts, have.Sub(now), want.Sub(now))
				}
			}
		}
	})
}

// No call is overdue after its watch is disarmed.
func TestDisarmedWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatch().(*watch)
		now := time.Now()
		cl := overdueCall(now, time.Second)
		w.arm(cl, now, cl.replace)
		w.disarm()
		<-time.After(time.Minute)
		if have := cl.replace.Sub(now); have != time.Second {
			t.Errorf("the call is overdue at %v, want the first time, 1s", have)
		}
	})
}
