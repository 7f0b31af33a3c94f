package discovery

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// After a failure the renewal is repeated with growing pauses. They begin anew with each failure
// that follows a success.
func TestKeeperRetriesFromAShortPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var times []time.Time
		f := newFakeEtcd()
		f.renew = func(context.Context) error {
			if times = append(times, time.Now()); len(times) == 6 {
				return nil
			}
			return errors.New("on fire")
		}
		r := f.registry().Registrar("", "a:1")
		if err := r.Register(t.Context()); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		<-time.After(3 * minTTL)
		if err := r.Deregister(t.Context()); err != nil {
			t.Fatal(err)
		}
		if have, want := times[0].Sub(begin), minTTL/3; have != want {
			t.Errorf("have the first renewal after %s, want %s", have, want)
		}
		pauses := []time.Duration{
			firstRetry, 2 * firstRetry, 4 * firstRetry, minTTL / 3, minTTL / 3, // failures
			minTTL / 3, // the success
			firstRetry, 2 * firstRetry,
		}
		if len(times) <= len(pauses) {
			t.Fatalf("have %d attempts, want more than %d", len(times), len(pauses))
		}
		for n, want := range pauses {
			if have := times[n+1].Sub(times[n]); have > want {
				t.Errorf("have a pause of %s after attempt %d, want at most %s", have, n+1, want)
			}
		}
	})
}

// A request of a keeper that lasts until the next check leaves no time for a second attempt before
// the lease expires.
func TestKeeperRequestsEndBeforeTheNextCheck(t *testing.T) {
	for _, test := range []struct{ ttl, timeout, want time.Duration }{
		{6 * time.Second, time.Minute, 2 * time.Second},
		{6 * time.Second, time.Second, time.Second},
	} {
		r := newFakeEtcd().registry()
		r.ttl, r.timeout = test.ttl, test.timeout
		k := startLeaseKeeper(newEtcdRegistrar(r, "/a:1", "a:1"), false)
		if k.timeout != test.want {
			t.Errorf("TTL %s, timeout %s: have requests of %s, want %s",
				test.ttl, test.timeout, k.timeout, test.want)
		}
		k.stop()
	}
}

// A keeper whose request has not ended could restore the key after Deregister has removed it.
func TestDeregisterWaitsForTheKeeper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		renewing, answer := make(chan struct{}), make(chan struct{})
		f := newFakeEtcd()
		f.renew = func(context.Context) error {
			close(renewing)
			<-answer // ignores its context
			return nil
		}
		r := f.registry().Registrar("", "a:1")
		if err := r.Register(t.Context()); err != nil {
			t.Fatal(err)
		}
		<-renewing
		done := make(chan error, 1)
		go func() { done <- r.Deregister(t.Context()) }()
		synctest.Wait()
		if f.has(t, "revoke") {
			t.Error("the lease was revoked before the renewal had ended")
		}
		close(answer)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if !f.has(t, "revoke") {
			t.Error("the lease was not revoked after the renewal had ended")
		}
	})
}
