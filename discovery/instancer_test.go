package discovery_test

import (
	"fmt"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"bookservice/discovery/discoverytest"
	"bookservice/discovery/internal/testkit"
)

func TestInstancerFollowsThroughACompaction(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, 1)
	e.put(t, key(addrA), addrA)
	p := startProxy(t, e.Endpoints()[0])
	f := discoverytest.Follow(t, instancer(t, open(t, config(p.Address()))))
	f.WaitFor(t, limit, addrA)

	p.Cut()
	var last int64
	for n := range 20 {
		resp, err := e.raw.Put(testkit.Context(t, limit), "/other", fmt.Sprint(n))
		if err != nil {
			t.Fatal(err)
		}
		last = resp.Header.Revision
	}
	e.delete(t, key(addrA))
	e.put(t, key(addrB), addrB)
	_, err := e.raw.Compact(testkit.Context(t, limit), last+2, clientv3.WithCompactPhysical())
	if err != nil {
		t.Fatal(err)
	}
	p.Restore()
	f.WaitFor(t, limit, addrB)
	e.put(t, key(addrC), addrC)
	f.WaitFor(t, limit, addrB, addrC)
}

func TestInstancerIgnoresOtherKeys(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, 1)
	const prefix = "/services/book/"
	for key, value := range map[string]string{
		prefix + "one":            addrA,
		prefix + "two":            addrA, // the same address again
		prefix + "empty":          "",
		prefix + "other/" + addrB: addrB,
		"/services/bookshop/x":    addrB,
	} {
		e.put(t, key, value)
	}
	c := config(e.Endpoints()...)
	c.Prefix = prefix
	f := discoverytest.Follow(t, instancer(t, open(t, c)))
	f.WaitFor(t, limit, addrA)
	// The same while it watches.
	e.put(t, prefix+"other/"+addrC, addrC)
	e.put(t, prefix+"empty", addrB)
	f.WaitFor(t, limit, addrA, addrB)
	e.put(t, prefix+"empty", "")
	e.delete(t, prefix+"one")
	f.WaitFor(t, limit, addrA)
	e.put(t, prefix+"two", addrC) // another address under the same key
	f.WaitFor(t, limit, addrC)
}

func TestFrozenConnectionIsDetected(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	e := startEtcd(t, 1)
	p := startProxy(t, e.Endpoints()[0])
	c := config(p.Address())
	c.DialKeepAlive = time.Second
	f := discoverytest.Follow(t, instancer(t, open(t, c)))
	f.WaitFor(t, limit)
	p.Forget()
	e.put(t, key(addrA), addrA)
	f.WaitFor(t, 10*time.Second+c.DialKeepAlive+2*slack, addrA)
}
