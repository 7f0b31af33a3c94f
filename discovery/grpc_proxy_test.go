package discovery_test

import (
	"bytes"
	"os/exec"
	"testing"

	"bookservice/discovery"
	"bookservice/discovery/discoverytest"
	"bookservice/discovery/internal/testkit"
)

// The package documentation recommends etcd's gRPC proxy for many clients. Servers need none.
func TestEtcdBehindItsProxy(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	processes := startProcesses(t, 1)
	e := newEtcd(t, processes)
	address := testkit.FreeAddr(t)
	proxy := exec.Command("etcd", "grpc-proxy", "start",
		"--endpoints", e.Endpoints()[0], "--listen-addr", address)
	var output bytes.Buffer
	proxy.Stdout, proxy.Stderr = &output, &output
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = proxy.Process.Kill()
		_ = proxy.Wait()
		if t.Failed() {
			t.Logf("output of the proxy:\n%.5000s", &output)
		}
	})
	servers, clients := e.open(t), open(t, config(address))
	register(t, servers, addrA)
	i := instancer(t, clients)
	f := discoverytest.Follow(t, i)
	f.WaitFor(t, limit, addrA)
	b := register(t, clients, addrB) // through the proxy
	f.WaitFor(t, limit, addrA, addrB)
	deregister(t, b)
	f.WaitFor(t, limit, addrA)

	shortest := shortestList(i)
	e.restart(t, true)
	c := register(t, servers, addrC)
	f.WaitFor(t, limit, addrA, addrC)
	deregister(t, c)
	f.WaitFor(t, limit, addrA)
	testkit.Always(t, 2*ttl, "the list is current", func() bool {
		s := clients.Status().Services
		return len(s) == 1 && s[0].Instances == 1 && s[0].Age < ttl
	})
	if have := shortest(); have < 1 {
		t.Error("have an empty list, want the last one")
	}
	if err := discovery.Wait(testkit.Context(t, limit), i); err != nil {
		t.Error(err)
	}
}
