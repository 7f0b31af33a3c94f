package bookendpoint_test

import (
	"context"
	"errors"
	"flag"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bookservice/service/bookendpoint"
	"bookservice/service/inmem"
)

func TestDefaults(t *testing.T) {
	want := bookendpoint.Config{RateEvery: time.Second, RateBurst: 100000, RateMode: "delay"}
	have := bookendpoint.DefaultConfig()
	if have != want || have.Validate() != nil {
		t.Errorf("have %+v, %v, want %+v", have, have.Validate(), want)
	}
}

func TestValidate(t *testing.T) {
	tests := []struct{ args, want string }{
		{"-rate-mode=reject", ""},
		{"-rate-mode=off", ""},
		{"-rate-every=0", "-rate-every 0s: must be above 0"},
		{"-rate-every=-1s", "-rate-every -1s: must be above 0"},
		{"-rate-burst=0", "-rate-burst 0: must be 1 or more"},
		{"-rate-mode=drop", `-rate-mode "drop": must be delay, reject or off`},
		{"-rate-mode=", `-rate-mode "": must be delay, reject or off`},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			c := bookendpoint.DefaultConfig()
			fs := flag.NewFlagSet("", flag.ContinueOnError)
			c.RegisterFlags(fs)
			if err := fs.Parse(strings.Fields(tt.args)); err != nil {
				t.Fatal(err)
			}
			if err := c.Validate(); (err == nil) != (tt.want == "") || err != nil && err.Error() != tt.want {
				t.Errorf("have %v, want %s", err, tt.want)
			}
		})
	}
}

func limited(mode string) bookendpoint.Set {
	c := bookendpoint.Config{RateEvery: time.Minute, RateBurst: 2, RateMode: mode}
	return bookendpoint.New(inmem.Default(), bookendpoint.Limit(c))
}

// Both endpoints draw on the same limit: one call of each uses it up.
func TestRateReject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := limited(bookendpoint.RateReject)
		spend(t, set)
		if _, err := set.BookInfo(t.Context(), 1); !errors.Is(err, bookendpoint.ErrLimited) {
			t.Errorf("have %v, want %v", err, bookendpoint.ErrLimited)
		}
		<-time.After(time.Minute) // on the bubble's clock
		if _, err := set.BookInfo(t.Context(), 1); err != nil {
			t.Errorf("a minute later: %v", err)
		}
	})
}

func TestRateDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := limited(bookendpoint.RateDelay)
		spend(t, set)
		start := time.Now()
		if _, err := set.BookInfo(t.Context(), 1); err != nil || time.Since(start) != time.Minute {
			t.Errorf("have %v after %v, want success after a minute", err, time.Since(start))
		}
	})
}

// A call that could not be served in time does not wait for its deadline to pass.
func TestRateDelayObeysTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := limited(bookendpoint.RateDelay)
		spend(t, set)
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 59*time.Second)
		defer cancel()
		_, err := set.BookInfo(ctx, 1)
		if !errors.Is(err, bookendpoint.ErrTooLate) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("have %v, want %v", err, bookendpoint.ErrTooLate)
		}
		if time.Since(start) != 0 {
			t.Errorf("have it after %v, want it at once", time.Since(start))
		}
	})
}

func TestRateDelayObeysCancellation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := limited(bookendpoint.RateDelay)
		spend(t, set)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, err := set.BookInfo(ctx, 1); err != context.Canceled {
			t.Errorf("have %v, want %v", err, context.Canceled)
		}
	})
}

func TestRateOff(t *testing.T) {
	set := limited(bookendpoint.RateOff)
	for range 10 {
		if _, err := set.BookInfo(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
	}
}

// spend makes the two calls that the limit has room for.
func spend(t *testing.T, set bookendpoint.Set) {
	t.Helper()
	if _, err := set.BookInfo(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if _, err := set.BookList(t.Context(), 1, 1); err != nil {
		t.Fatal(err)
	}
}
