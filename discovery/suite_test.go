package discovery_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"bookservice/discovery"
	"bookservice/discovery/discoverytest"
)

func TestEtcdPassesTheSuite(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, 1)
	var registries atomic.Int64
	discoverytest.Run(t, func(t *testing.T) discovery.Registry {
		c := config(e.Endpoints()...)
		c.Prefix = fmt.Sprintf("/suite/%d/", registries.Add(1))
		return open(t, c)
	}, discoverytest.Options{})
}

func TestStaticPassesTheSuite(t *testing.T) {
	t.Parallel()
	fixed := []string{addrB, addrA, addrC}
	discoverytest.Run(t, func(t *testing.T) discovery.Registry {
		return open(t, discovery.Config{Kind: "static", Instances: fixed})
	}, discoverytest.Options{Fixed: fixed})
}
