package discovery

import (
	"cmp"
	"hash/maphash"
	"slices"
)

// A subset selects some of the instances of a list by rendezvous hashing, as gRFC A68 does: each
// address has a score that depends on the client, and the highest scores are selected. An instance
// that comes or goes changes at most one of those that are selected. The zero value selects all.
type subset struct {
	size int          // 0 for all
	seed maphash.Seed // of the client
}

func newSubset(size int) subset { return subset{size, maphash.MakeSeed()} }

// of returns the selected addresses in their order, in a new slice unless all are selected.
func (s subset) of(addresses []string) []string {
	if s.size == 0 || len(addresses) <= s.size {
		return addresses
	}
	type scored struct {
		index int
		score uint64
	}
	all := make([]scored, len(addresses))
	for n, address := range addresses {
		all[n] = scored{n, maphash.String(s.seed, address)}
	}
	slices.SortFunc(all, func(a, b scored) int { return cmp.Compare(b.score, a.score) })
	selected := make([]string, s.size)
	for n, a := range all[:s.size] {
		selected[n] = addresses[a.index]
	}
	slices.Sort(selected)
	return selected
}
