package discovery_test

import (
	"testing"
	"time"

	"github.com/go-kit/kit/sd"
	"go.uber.org/goleak"

	"bookservice/discovery"
	"bookservice/discovery/internal/testkit"
)

// Not parallel, because it inspects all goroutines.
func TestCloseEndsEveryGoroutine(t *testing.T) {
	testkit.Slow(t)
	e := startEtcd(t, 1)
	e.put(t, "/", "") // connects the raw client, so that its goroutines exist before Open
	for _, test := range []struct {
		name   string
		config discovery.Config
		stop   bool // etcd is stopped before Close
	}{
		{"static", discovery.Config{Kind: "static", Instances: []string{addrA}}, false},
		{"etcd", config(e.Endpoints()...), false},
		{"etcd is down", shortTimeout(e.Endpoints()...), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			r, err := discovery.Open(t.Context(), test.config, discovery.WithLogger(nil))
			if err != nil {
				t.Fatal(err)
			}
			register(t, r, addrA)
			register(t, r, addrB)
			for range 3 {
				i := instancer(t, r)
				i.Register(make(chan sd.Event)) // is never deregistered
				if err := discovery.Wait(testkit.Context(t, limit), i); err != nil {
					t.Fatal(err)
				}
			}
			if test.stop {
				e.raw.Close() // it would start goroutines to connect again
				e.Stop()
			}
			if err := r.Close(); (err != nil) != test.stop {
				t.Errorf("have error %v, want an error: %t", err, test.stop)
			}
			if err := goleak.Find(before); err != nil {
				t.Error(err)
			}
			if test.config.Kind != "etcd" || test.stop {
				return
			}
			for _, addr := range []string{addrA, addrB} {
				if have := e.get(t, key(addr)); have != (entry{}) {
					t.Errorf("have %v after Close, want no key", have)
				}
			}
		})
	}
}

func TestOpenChecksItsContext(t *testing.T) {
	ctx := testkit.Context(t, time.Nanosecond)
	<-ctx.Done()
	if _, err := discovery.Open(ctx, discovery.DefaultConfig()); err == nil {
		t.Error("have no error, want one: the context has ended")
	}
}
