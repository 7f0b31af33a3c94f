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
	want := bookendpoint.Config{
		RateEvery: time.Second, RateBurst: 100000, RateMode: "off", RateQueue: 1000,
	}
	have := bookendpoint.DefaultConfig()
	if err := have.RegisterFlags(flag.NewFlagSet("", flag.ContinueOnError)); err != nil {
		t.Fatal(err)
	}
	if have != want || have.Validate() != nil {
		t.Errorf("have %+v, %v, want %+v", have, have.Validate(), want)
	}
}

func TestValidate(t *testing.T) {
	tests := []struct{ args, want string }{
		{"-rate-mode=reject", ""},
		{"-rate-mode=off", ""},
		{"-rate-every=1ns -rate-burst=1", ""},
		{"-rate-every=0", "-rate-every 0s: must be more than 0"},
		{"-rate-every=-1s", "-rate-every -1s: must be more than 0"},
		{"-rate-burst=0", "-rate-burst 0: must be 1 or more"},
		{"-rate-queue=0", ""},
		{"-rate-queue=-1", "-rate-queue -1: must be 0 or more"},
		{"-rate-mode=drop", `-rate-mode "drop": must be one of delay, reject, off`},
		{"-rate-mode=", `-rate-mode "": must be one of delay, reject, off`},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			c := bookendpoint.DefaultConfig()
			fs := flag.NewFlagSet("", flag.ContinueOnError)
			if err := c.RegisterFlags(fs); err != nil {
				t.Fatal(err)
			}
			if err := fs.Parse(strings.Fields(tt.args)); err != nil {
				t.Fatal(err)
			}
			err := c.Validate()
			if tt.want == "" {
				if err != nil {
					t.Errorf("have %v, want no error", err)
				}
				return
			}
			setting, ok := errors.AsType[interface {
				error
				Setting() string
			}](err)
			if !ok || err.Error() != tt.want {
				t.Fatalf("have %v, want %s with a method Setting", err, tt.want)
			}
			if have := setting.Setting(); !strings.HasPrefix(tt.args, "-"+have+"=") {
				t.Errorf("Setting: have %q, want the flag of %s", have, tt.args)
			}
		})
	}
}

// limited returns endpoints with a limit of two calls at once and one more every minute.
func limited(mode string) bookendpoint.Set {
	c := bookendpoint.Config{RateEvery: time.Minute, RateBurst: 2, RateMode: mode, RateQueue: 9}
	return bookendpoint.New(inmem.Default(), bookendpoint.Limit(c))
}

// exhaust makes the two calls that the limit allows at once, one at each endpoint: both endpoints
// share the limit.
func exhaust(t *testing.T, set bookendpoint.Set) {
	t.Helper()
	if _, err := set.BookInfo(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if _, err := set.BookList(t.Context(), 1, 1); err != nil {
		t.Fatal(err)
	}
}

func TestRateReject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := limited(bookendpoint.RateReject)
		exhaust(t, set)
		if _, err := set.BookInfo(t.Context(), 1); !errors.Is(err, bookendpoint.ErrLimited) {
			t.Errorf("have %v, want %v", err, bookendpoint.ErrLimited)
		}
		<-time.After(time.Minute) // of the bubble's clock
		if _, err := set.BookInfo(t.Context(), 1); err != nil {
			t.Errorf("after a minute: %v", err)
		}
	})
}

func TestRateDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := limited(bookendpoint.RateDelay)
		exhaust(t, set)
		start := time.Now()
		_, err := set.BookInfo(t.Context(), 1)
		if took := time.Since(start); err != nil || took != time.Minute {
			t.Errorf("have %v after %v, want success after a minute", err, took)
		}
	})
}

// A call whose delay exceeds its deadline fails before the deadline, at once.
func TestRateDelayObeysTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := limited(bookendpoint.RateDelay)
		exhaust(t, set)
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 59*time.Second)
		defer cancel()
		_, err := set.BookInfo(ctx, 1)
		if !errors.Is(err, bookendpoint.ErrTooLate) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("have %v, want %v", err, bookendpoint.ErrTooLate)
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("the call took %v, want 0s", took)
		}
	})
}

func TestRateDelayObeysCancellation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := limited(bookendpoint.RateDelay)
		exhaust(t, set)
		start := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := set.BookInfo(ctx, 1)
		if took := time.Since(start); err != context.Canceled || took != time.Second {
			t.Errorf("have %v after %v, want %v after 1s", err, took, context.Canceled)
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

// The limiter is behind Recover in Guards, and both endpoints share it.
func TestGuardsLimit(t *testing.T) {
	c := bookendpoint.Config{RateEvery: time.Hour, RateBurst: 2, RateMode: bookendpoint.RateReject}
	set := bookendpoint.New(inmem.Default(), bookendpoint.Guards(c, nil))
	exhaust(t, set)
	if _, err := set.BookList(t.Context(), 1, 1); !errors.Is(err, bookendpoint.ErrLimited) {
		t.Errorf("the third call: have %v, want %v", err, bookendpoint.ErrLimited)
	}
}
