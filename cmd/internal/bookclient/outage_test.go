package bookclient_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"bookservice/cmd/internal/bookclient"
	"bookservice/cmd/internal/server"
	"bookservice/configs"
	"bookservice/discovery/etcdembed"
	"bookservice/tracer"
	"bookservice/tracer/tracertest/testkit"
)

// One outage of etcd is one line of the client's log.
func TestAnOutageOfEtcdIsLoggedOnce(t *testing.T) {
	testkit.Slow(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	etcd, err := etcdembed.Start(ctx, etcdembed.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer etcd.Close()
	sc := configs.DefaultServer()
	sc.GRPCAddr, sc.AdminAddr, sc.Tracer.Backend = "127.0.0.1:0", "", "noop"
	sc.Discovery.Etcd, sc.DrainDelay = etcd.Endpoints(), 0
	sc.Discovery.Timeout = 500 * time.Millisecond
	s, err := server.Start(ctx, sc, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	var log testkit.Buffer
	c := configs.DefaultClient()
	c.Tracer.Backend, c.Discovery.Etcd = "memory", etcd.Endpoints()
	c.Discovery.Timeout = 200 * time.Millisecond
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	var m tracer.Memory
	go func() {
		ended <- bookclient.Load(ctx, c, 50, slog.New(slog.NewTextHandler(&log, nil)),
			tracer.WithMemory(&m))
	}()
	testkit.Eventually(t, "runs are made", func() bool { return len(m.Spans()) > 0 })
	etcd.Stop()
	testkit.Eventually(t, "the outage is logged", func() bool {
		return strings.Contains(log.String(), "did not answer")
	})
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if have := log.String(); strings.Count(have, "level=WARN") != 1 {
		t.Errorf("have log\n%s\nwant one line", have)
	}
}
