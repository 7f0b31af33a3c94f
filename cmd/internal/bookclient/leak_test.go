package bookclient_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"bookservice/cmd/internal/bookclient"
	"bookservice/cmd/internal/server"
	"bookservice/configs"
)

// A run leaves nothing running, whether it succeeds, fails or finds no instance, and whether or not
// the collectors respond.
func TestRunLeavesNothingRunning(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	sc := configs.DefaultServer()
	sc.GRPCAddr, sc.DrainDelay = "127.0.0.1:0", 0
	sc.Discovery.Kind, sc.Discovery.Instances = "static", []string{"127.0.0.1:1"}
	srv, err := server.Start(t.Context(), sc, quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Stop()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		ctx    context.Context
		change func(*configs.Client)
		fails  bool
	}{
		"succeeds":  {t.Context(), func(*configs.Client) {}, false},
		"not found": {t.Context(), func(c *configs.Client) { c.ID = 99 }, true},
		"dead instance": {t.Context(), func(c *configs.Client) {
			c.Discovery.Instances = []string{"127.0.0.1:1"}
		}, true},
		"silent etcd": {t.Context(), func(c *configs.Client) {
			c.Discovery.Kind, c.Discovery.Etcd = "etcd", []string{silent.Addr().String()}
			c.Discovery.Instances = nil
		}, true},
		"no etcd": {t.Context(), func(c *configs.Client) {
			c.Discovery.Kind, c.Discovery.Etcd = "etcd", []string{"127.0.0.1:1"}
			c.Discovery.Instances = nil
		}, true},
		"cancelled": {cancelled, func(*configs.Client) {}, true},
	} {
		t.Run(name, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			c := configs.DefaultClient()
			c.Wait, c.Runs = 200*time.Millisecond, 2
			c.Discovery.Kind, c.Discovery.Instances = "static", []string{srv.Addr()}
			c.Tracer.Backend, c.Tracer.FlushTimeout = "zipkin,otlp,log", 100*time.Millisecond
			c.Tracer.Zipkin.URL = "http://" + silent.Addr().String()
			c.Tracer.OTLP.Endpoint = "http://127.0.0.1:1"
			test.change(&c)
			var out bytes.Buffer
			if err := bookclient.Run(test.ctx, c, &out, quiet); (err != nil) != test.fails {
				t.Errorf("have %v, want a failure: %v", err, test.fails)
			}
			if err := goleak.Find(before); err != nil {
				t.Error(err)
			}
		})
	}
}
