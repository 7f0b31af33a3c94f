package otlp

import (
	"testing"

	"bookservice/tracer/internal/settings"
)

// TestDefaultEndpoints checks the endpoints for each protocol if none is set.
func TestDefaultEndpoints(t *testing.T) {
	c := Config{Protocol: HTTP}
	if have := c.url().String(); have != "http://127.0.0.1:4318/v1/traces" {
		t.Errorf("have %s for HTTP", have)
	}
	c = Config{}
	want := target{name: passthrough + "127.0.0.1:4317", host: true}
	if have := c.target(); have != want {
		t.Errorf("have %+v for gRPC, want %+v", have, want)
	}
}

// TestEndpointForms checks what each form of an endpoint for gRPC means (grpc/doc/naming.md, and
// OpenTelemetry's specification of exporters: endpoint).
func TestEndpointForms(t *testing.T) {
	const plain, secure = false, true
	host := func(hostPort string, secure bool) target {
		return target{name: passthrough + hostPort, secure: secure, host: true}
	}
	for _, test := range []struct {
		endpoint string
		insecure bool
		want     target
	}{
		{"http://collector:4317", false, host("collector:4317", plain)},
		{"http://collector", false, host("collector:4317", plain)},
		{"http://collector/", false, host("collector:4317", plain)},
		{"HTTP://collector", false, host("collector:4317", plain)},
		{"https://collector", false, host("collector:443", secure)},
		{"https://collector", true, host("collector:443", secure)},
		{"https://collector:1/path?query=1", false, host("collector:1", secure)},
		{"http://[::1]", false, host("%5B::1%5D:4317", plain)},
		{"http://[::1]:1", false, host("%5B::1%5D:1", plain)},
		{"collector:4317", false, host("collector:4317", secure)},
		{"collector:4317", true, host("collector:4317", plain)},
		{"otel_collector:4317", true, host("otel_collector:4317", plain)},
		{"localhost:4317", true, host("localhost:4317", plain)},
		{"collector", false, host("collector:443", secure)},
		{"collector", true, host("collector:4317", plain)},
		{"10.0.0.1:4317", true, host("10.0.0.1:4317", plain)},
		{"[2001:db8::1]:4317", true, host("%5B2001:db8::1%5D:4317", plain)},
		{"2001:db8::1", true, host("%5B2001:db8::1%5D:4317", plain)},
		{"dns:collector:4317", true, host("collector:4317", plain)},
		{"dns:///collector:4317", false, host("collector:4317", secure)},
		{"dns:///collector", true, host("collector:4317", plain)},
		{"dns://10.0.0.53/collector", true, target{name: "dns://10.0.0.53/collector:4317"}},
		{"unix:otlp.sock", false, target{name: "unix:otlp.sock"}},
		{"unix:/run/otlp.sock", false, target{name: "unix:/run/otlp.sock"}},
		{"unix:///run/otlp.sock", false, target{name: "unix:///run/otlp.sock"}},
		{"unix-abstract:otlp", false, target{name: "unix-abstract:otlp"}},
		{"passthrough:///collector:1", true, target{name: "passthrough:///collector:1"}},
	} {
		have, err := parseTarget(test.endpoint, test.insecure)
		if err != nil || have != test.want {
			t.Errorf("%s, insecure %v: have %+v, %v, want %+v",
				test.endpoint, test.insecure, have, err, test.want)
		}
	}
}

// TestNoEndpoints has texts that are no endpoint for gRPC.
func TestNoEndpoints(t *testing.T) {
	for _, endpoint := range []string{
		"http://", "http://:4317", "https://collector:0", "http://collector:x", "collector:",
		":4317", "collector:65536", "ftp://collector:4317", "dns:///", "dns://10.0.0.53/",
		"unix:", "unix://host/run/otlp.sock", "a b:4317", "collector/path", "passthrough:",
		"xds-like:///x", "collector:4317,other:4317",
	} {
		c := Config{Endpoint: endpoint}
		if err := c.checkEndpoint(value{settings.Name{}, endpoint}); err == nil {
			have, _ := parseTarget(endpoint, false)
			t.Errorf("%q: have %+v, want an error", endpoint, have)
		}
	}
}
