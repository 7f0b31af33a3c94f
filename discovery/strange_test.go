package discovery_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	"bookservice/discovery"
	"bookservice/discovery/discoverytest"
	"bookservice/discovery/internal/testkit"
)

// Calls end with their contexts also while a request for a token, of another call, is not answered.
func TestHungAuthenticationDelaysNoOtherCall(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	hung := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
		<-s.Context().Done()
		return s.Context().Err()
	}))
	go func() { _ = hung.Serve(l) }()
	t.Cleanup(hung.Stop)
	c := config(l.Addr().String())
	c.TTL, c.Timeout = 60*time.Second, limit // so that a request lasts
	c.User, c.Password = "books", "s3cret"
	r := open(t, c)
	instancer(t, r) // requests a token
	testkit.Always(t, 300*time.Millisecond, "the request hangs", func() bool { return true })
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	begin := time.Now()
	if err := r.Registrar("", addrA).Register(ctx); err == nil {
		t.Error("have no error of Register")
	}
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("Register took %s with a context of 500ms", took)
	}
}

// Attempts to renew leases leave no memory behind while etcd is down.
func TestOutageNeedsNoMoreMemory(t *testing.T) {
	testkit.Slow(t)
	e := startEtcd(t, 1)
	r := e.open(t)
	for n := range 15 {
		register(t, r, fmt.Sprintf("127.0.0.1:%d", 6000+n))
	}
	e.Stop()
	objects := func() uint64 {
		for range 2 {
			runtime.GC()
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapObjects
	}
	testkit.Always(t, ttl, "etcd is down", func() bool { return true })
	before := objects()
	testkit.Always(t, 4*ttl, "etcd is down", func() bool { return true })
	if after := objects(); after > before+2000 { // 500 more a second, if each attempt leaves some
		t.Errorf("have %d more objects after %s", after-before, 4*ttl)
	}
}

// A key that is overwritten again and again is restored less and less often.
func TestKeyOverwrittenAgainAndAgain(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	e := startEtcd(t, 1)
	var log testkit.Buffer
	c := config(e.Endpoints()...)
	c.TTL = 30 * time.Second
	r := open(t, c, discovery.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	register(t, r, addrA)
	testkit.Always(t, 3*time.Second, "the key is overwritten", func() bool {
		e.put(t, key(addrA), addrB)
		return true
	})
	if lines := strings.Count(log.String(), "\n"); lines < 2 || lines > 20 {
		t.Errorf("have %d lines, want 2 to 20:\n%s", lines, log.String())
	}
}

// The log has a part of a huge value or key only.
func TestHugeValuesAreLoggedShort(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, 1)
	for name, test := range map[string]struct{ key, value string }{
		"number": {"a", `{"Addr":"a:1","Op":` + strings.Repeat("1", 100_000) + "}"},
		"text":   {"a", `{"Addr":{"` + strings.Repeat("s", 100_000) + `":1}}`},
		"key":    {strings.Repeat("k", 10_000), "bad"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log testkit.Buffer
			r := open(t, config(e.Endpoints()...),
				discovery.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
			e.put(t, key(name+"/"+test.key), test.value)
			i, err := r.Instancer(name)
			if err != nil {
				t.Fatal(err)
			}
			defer i.Stop()
			testkit.Eventually(t, "the value is logged", func() bool {
				return strings.Contains(log.String(), "skipping values")
			})
			if have := len(log.String()); have > 1000 {
				t.Errorf("have a line of %d bytes", have)
			}
		})
	}
}

// Registrars that have never registered do not count as registrations.
func TestInvalidRegistrarsDoNotCount(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, 1)
	c := config(e.Endpoints()...)
	c.TTL = 60 * time.Second
	r := open(t, c)
	for n := range 16 {
		if err := r.Registrar("", fmt.Sprint("bad:", 700_000+n)).Register(t.Context()); err == nil {
			t.Error("have no error for an invalid port")
		}
	}
	register(t, r, addrA)
	e.delete(t, key(addrA))
	testkit.EventuallyWithin(t, c.TTL/6, "the registration is restored", func() bool {
		return e.registered(t, addrA)
	})
}

// The other fields of an object with an address are ignored.
func TestFieldsOfOthersAreIgnored(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, 1)
	e.put(t, key("x"), `{"Addr":"`+addrA+`","Version":2,"Tags":["x"],"Metadata":{"zone":"z"}}`)
	i := instancer(t, e.open(t))
	discoverytest.Follow(t, i).WaitFor(t, limit, addrA)
	if have := discovery.Metadata(i, addrA)["zone"]; have != "z" {
		t.Errorf("have zone %q, want z", have)
	}
}
