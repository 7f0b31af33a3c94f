package otlp

import (
	"net/url"
	"testing"
)

// TestDefaultEndpoints checks the URLs for each protocol if no endpoint is set.
func TestDefaultEndpoints(t *testing.T) {
	for protocol, want := range map[string]string{
		"": "http://127.0.0.1:4317", GRPC: "http://127.0.0.1:4317",
		HTTP: "http://127.0.0.1:4318/v1/traces",
	} {
		c := Config{Protocol: protocol}
		if have := c.url().String(); have != want {
			t.Errorf("%q: have %s, want %s", protocol, have, want)
		}
	}
}

// TestTarget checks the address for gRPC, with the default port of the scheme.
func TestTarget(t *testing.T) {
	for endpoint, want := range map[string]string{
		"http://collector:4317": "collector:4317", "http://collector": "collector:80",
		"https://collector": "collector:443", "https://collector:1/path": "collector:1",
		"http://[::1]": "[::1]:80", "http://[::1]:4317": "[::1]:4317",
	} {
		u, err := url.Parse(endpoint)
		if err != nil {
			t.Fatal(err)
		}
		if have := target(connection{url: u}); have != want {
			t.Errorf("%s: have %s, want %s", endpoint, have, want)
		}
	}
}
