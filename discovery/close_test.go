package discovery_test

import (
	"testing"
	"time"

	"github.com/go-kit/kit/sd"
	"go.uber.org/goleak"

	"bookservice/discovery"
)

// Not parallel: it looks at all goroutines.
func TestCloseEndsEveryGoroutine(t *testing.T) {
	e := startEtcd(t, 1)
	e.put(t, "/", "") // connects the raw client, whose goroutines are not meant
	for _, test := range []struct {
		name   string
		config discovery.Config
		stop   bool // etcd is down when Close is called
	}{
		{"static", discovery.Config{Kind: "static", Instances: []string{addrA}}, false},
		{"etcd", config(e.Endpoints()...), false},
		{"etcd is down", impatient(e.Endpoints()...), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			r, err := discovery.Open(t.Context(), test.config)
			if err != nil {
				t.Fatal(err)
			}
			register(t, r, addrA)
			register(t, r, addrB)
			for range 3 {
				i := instancer(t, r)
				i.Register(make(chan sd.Event)) // and never deregistered
				if err := discovery.Wait(within(t, limit), i); err != nil {
					t.Fatal(err)
				}
			}
			if test.stop {
				e.raw.Close() // its goroutines, which would connect again, are not meant
				e.Stop()
			}
			if err := r.Close(); (err != nil) != test.stop {
				t.Errorf("have %v, want an error: %t", err, test.stop)
			}
			if err := goleak.Find(before); err != nil {
				t.Error(err)
			}
			if test.config.Kind != "etcd" || test.stop {
				return
			}
			for _, addr := range []string{addrA, addrB} {
				if have := e.held(t, key(addr)); have != (held{}) {
					t.Errorf("have %v after Close, want no key", have)
				}
			}
		})
	}
}

func TestOpenChecksItsContext(t *testing.T) {
	ctx := within(t, time.Nanosecond)
	<-ctx.Done()
	if _, err := discovery.Open(ctx, discovery.DefaultConfig()); err == nil {
		t.Error("have no error, want one: the context was over")
	}
}
