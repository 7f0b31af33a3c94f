package collector_test

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"bookservice/cmd/internal/collector"
	"bookservice/configs"
)

// A server that listens on all addresses states one that this machine reaches, and answers to it.
func TestURLIsReachable(t *testing.T) {
	defer goleak.VerifyNone(t)
	for _, addr := range []string{"127.0.0.1:0", ":0", "localhost:0"} {
		cfg := configs.DefaultCollector()
		cfg.Addr = addr
		s, err := collector.Start(cfg, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		client := &http.Client{Transport: &http.Transport{}}
		resp, err := client.Get(s.URL() + "/health")
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK || !strings.Contains(string(body), `"UP"`) {
			t.Errorf("%s: have %s %s at %s, want 200", addr, resp.Status, body, s.URL())
		}
		if have := s.GRPCURL(); have != "" {
			t.Errorf("%s: have %s for gRPC, which is off", addr, have)
		}
		client.CloseIdleConnections()
		s.Stop()
	}
}

// If one address is taken, the other one is free again.
func TestStartLeavesNothingBehind(t *testing.T) {
	defer goleak.VerifyNone(t)
	cfg := configs.DefaultCollector()
	cfg.Addr = "127.0.0.1:0"
	s, err := collector.Start(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	cfg.OTLPGRPCAddr = s.Addr() // taken
	if _, err := collector.Start(cfg, slog.New(slog.DiscardHandler)); err == nil ||
		!strings.HasPrefix(err.Error(), `-otlp-grpc-addr "`+s.Addr()+`": must be an address`) {
		t.Errorf("have %v, want an error about -otlp-grpc-addr", err)
	}
}
