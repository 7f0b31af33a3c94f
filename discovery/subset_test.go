package discovery_test

import (
	"fmt"
	"slices"
	"testing"

	"bookservice/discovery"
	"bookservice/discovery/discoverytest"
)

// Of 100 clients with 10 of 100 servers each, one more server changes at most one instance of each,
// and so does its end.
func TestSubsetsChangeByAtMostOne(t *testing.T) {
	t.Parallel()
	const servers, clients, size = 100, 100, 10
	e := startEtcd(t, 1)
	address := func(n int) string { return fmt.Sprintf("10.0.0.%d:5000", n) }
	var all []string
	for n := range servers {
		all = append(all, address(n))
		e.put(t, key(address(n)), address(n))
	}
	c := config(e.Endpoints()...)
	c.Subset = size
	registries := make([]discovery.Registry, clients)
	followers := make([]*discoverytest.Follower, clients)
	lists := make([][]string, clients)
	used := map[string]int{}
	for n := range clients {
		registries[n] = open(t, c)
		followers[n] = discoverytest.Follow(t, instancer(t, registries[n]))
		lists[n] = followers[n].Next(t, limit).Instances
		for _, address := range lists[n] {
			used[address]++
		}
		if len(lists[n]) != size {
			t.Fatalf("have a list of %d instances, want %d", len(lists[n]), size)
		}
	}
	for _, address := range all {
		if used[address] > 3*clients*size/servers {
			t.Errorf("%s is used by %d clients, want about %d", address, used[address],
				clients*size/servers)
		}
	}

	more := address(servers)
	e.put(t, key(more), more)
	changed := 0
	for n := range clients {
		have := discoverytest.Follow(t, instancer(t, registries[n])).Next(t, limit).Instances
		added := slices.DeleteFunc(slices.Clone(have), func(a string) bool {
			return slices.Contains(lists[n], a)
		})
		if changed += len(added); len(have) != size || len(added) > 1 {
			t.Errorf("have %q after %q, want at most one change", have, lists[n])
		}
		if len(added) > 0 { // the one that watches lists it as well
			followers[n].WaitFor(t, limit, slices.Clone(have)...)
		}
	}
	if changed == 0 || changed > 3*size {
		t.Errorf("%d of %d clients use the new server, want about %d", changed, clients, size)
	}

	e.delete(t, key(more))
	for n := range clients {
		have := discoverytest.Follow(t, instancer(t, registries[n])).Next(t, limit).Instances
		if !slices.Equal(have, lists[n]) {
			t.Errorf("have %q, want the former list %q", have, lists[n])
		}
	}
}

func TestSubsetOfAStaticList(t *testing.T) {
	t.Parallel()
	r := open(t, discovery.Config{
		Kind: "static", Instances: []string{addrA, addrB, addrC}, Subset: 2,
	})
	first := discoverytest.Follow(t, instancer(t, r)).Next(t, limit).Instances
	second := discoverytest.Follow(t, instancer(t, r)).Next(t, limit).Instances
	if len(first) != 2 || !slices.Equal(first, second) {
		t.Errorf("have %q and %q, want the same two instances", first, second)
	}
	if have := r.Status().Services[0].Instances; have != 2 {
		t.Errorf("have %d instances in the status, want 2", have)
	}
}
