package server_test

import (
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"bookservice/cmd/internal/server"
	"bookservice/tracer"
	"bookservice/tracer/tracertest/testkit"
)

// TestAddressOfSpans checks which address the server's spans have, for the address it registers.
func TestAddressOfSpans(t *testing.T) {
	for name, test := range map[string]struct {
		advertise string
		port      uint16 // of the spans' endpoint; 0 for the bound one
		warned    bool
	}{
		"bound":                {"", 0, false},
		"address":              {"127.0.0.1:7", 7, false},
		"name":                 {"localhost:7", 7, false},
		"name without address": {"no-such-host.invalid:7", 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := alone()
			c.GRPCAddr = testkit.FreeAddr(t)
			c.Advertise, c.Tracer.Backend = test.advertise, "memory"
			var lines testkit.Buffer
			spans := &tracer.Memory{}
			s, err := server.Start(t.Context(), c, slog.New(slog.NewTextHandler(&lines, nil)),
				tracer.WithMemory(spans))
			if err != nil {
				t.Fatal(err)
			}
			if err := call(t, c.GRPCAddr); err != nil {
				t.Error(err)
			}
			s.Stop()
			port := test.port
			if port == 0 {
				port = netip.MustParseAddrPort(c.GRPCAddr).Port()
			}
			have := spans.Spans()[0].LocalEndpoint
			if have.Port != port || len(have.IPv4)+len(have.IPv6) == 0 {
				t.Errorf("have the endpoint %+v, want an address with port %d", have, port)
			}
			if warned := strings.Contains(lines.String(), "bound address"); warned != test.warned {
				t.Errorf("warned: %v, want %v\n%s", warned, test.warned, lines.String())
			}
		})
	}
}
