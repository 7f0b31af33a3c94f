package freeport_test

import (
	"net/netip"
	"testing"

	"bookservice/discovery/internal/freeport"
)

// The default range of outgoing connections begins at 32768 on Linux, and above it elsewhere.
func TestAddress(t *testing.T) {
	seen := map[netip.AddrPort]bool{}
	for range 100 {
		s, err := freeport.Address()
		if err != nil {
			t.Fatal(err)
		}
		a, err := netip.ParseAddrPort(s)
		if err != nil || !a.Addr().IsLoopback() || a.Port() >= 32768 || seen[a] {
			t.Fatalf("have %s, %v after %d calls, want a new loopback port below 32768",
				s, err, len(seen))
		}
		seen[a] = true
	}
}
