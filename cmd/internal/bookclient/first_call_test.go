package bookclient_test

import (
	"log/slog"
	"testing"

	"bookservice/cmd/internal/server"
	"bookservice/configs"
	"bookservice/discovery"
	"bookservice/discovery/etcdembed"
	"bookservice/service/client"
	"bookservice/tracer/tracertest/testkit"
)

// startServer starts a server that does not register, and returns its address.
func startServer(t *testing.T) string {
	t.Helper()
	c := configs.DefaultServer()
	c.GRPCAddr, c.AdminAddr, c.Tracer.Backend = "127.0.0.1:0", "", "noop"
	c.Discovery.Kind, c.Discovery.Instances = "static", []string{"127.0.0.1:1"}
	s, err := server.Start(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s.Addr()
}

// registries returns configurations of discovery that know one instance at addr.
func registries(t *testing.T, addr string) map[string]discovery.Config {
	t.Helper()
	static := discovery.DefaultConfig()
	static.Kind, static.Instances = "static", []string{addr}

	cluster, err := etcdembed.Start(t.Context(), etcdembed.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Close(); err != nil {
			t.Error(err)
		}
	})
	etcd := discovery.DefaultConfig()
	etcd.Kind, etcd.Etcd = "etcd", cluster.Endpoints()
	registry := open(t, etcd)
	if err := registry.Registrar("books", addr).Register(t.Context()); err != nil {
		t.Fatal(err)
	}
	return map[string]discovery.Config{"static": static, "etcd": etcd}
}

// open returns a registry, which is closed when the test ends.
func open(t *testing.T, c discovery.Config) discovery.Registry {
	t.Helper()
	registry, err := discovery.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := registry.Close(); err != nil {
			t.Error(err)
		}
	})
	return registry
}

// The first call of a client succeeds if discovery has an instance, at once and after
// discovery.Wait.
func TestFirstCallFindsTheInstance(t *testing.T) {
	testkit.Slow(t)
	for name, config := range registries(t, startServer(t)) {
		t.Run(name, func(t *testing.T) {
			registry := open(t, config)
			for n := range 400 {
				instancer, err := registry.Instancer("books")
				if err != nil {
					t.Fatal(err)
				}
				if n%2 == 1 {
					if err := discovery.Wait(t.Context(), instancer); err != nil {
						t.Fatal(err)
					}
				}
				c, err := client.New(instancer, nil, client.DefaultConfig())
				if err != nil {
					t.Fatal(err)
				}
				if _, err := c.BookInfo(t.Context(), 1); err != nil {
					t.Errorf("first call of client %d: %v", n, err)
				}
				c.Close()
				instancer.Stop()
			}
		})
	}
}
