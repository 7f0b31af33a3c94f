package tracer_test

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer"
	"bookservice/tracer/tracertest/receiver"
)

// localEndpoints returns the local endpoint of a span as memory and Zipkin, in both formats,
// receive it.
func localEndpoints(t *testing.T, address string) map[string]model.Endpoint {
	t.Helper()
	all := map[string]model.Endpoint{}
	for _, format := range []string{tracer.ZipkinProto, tracer.ZipkinJSON} {
		collector, m := receiver.NewZipkin(t, 0), &tracer.Memory{}
		c := config("zipkin,memory")
		c.Address, c.Zipkin.URL, c.Zipkin.Format = address, collector.URL, format
		if err := sendOne(t, c, tracer.WithMemory(m)); err != nil {
			t.Fatal(err)
		}
		all["memory"] = *m.Spans()[0].LocalEndpoint
		all["zipkin "+format] = *collector.Spans(t)[0].LocalEndpoint
	}
	return all
}

// sameEndpoint compares addresses of any length.
var sameEndpoint = cmp.Comparer(func(a, b net.IP) bool {
	return a.Equal(b) || len(a)+len(b) == 0
})

// TestAddressIsTheLocalEndpoint checks each form of an address.
func TestAddressIsTheLocalEndpoint(t *testing.T) {
	ip := net.ParseIP
	for address, want := range map[string]model.Endpoint{
		"":                       {},
		"10.0.0.1:50051":         {IPv4: ip("10.0.0.1"), Port: 50051},
		"10.0.0.1":               {IPv4: ip("10.0.0.1")},
		"10.0.0.1:0":             {IPv4: ip("10.0.0.1")},
		":50051":                 {Port: 50051},
		":65535":                 {Port: 65535},
		":0":                     {},
		"[2001:db8::1]:80":       {IPv6: ip("2001:db8::1"), Port: 80},
		"2001:db8::1":            {IPv6: ip("2001:db8::1")},
		"[fe80::1%1]:80":         {IPv6: ip("fe80::1"), Port: 80},
		"[::ffff:10.0.0.1]:80":   {IPv4: ip("10.0.0.1"), Port: 80},
		"0.0.0.0:80":             {Port: 80},
		"[::]:80":                {Port: 80},
		"[::ffff:0.0.0.0]:50051": {Port: 50051},
		"0.0.0.0":                {},
	} {
		want.ServiceName = "bookserver"
		for backend, have := range localEndpoints(t, address) {
			if diff := cmp.Diff(want, have, sameEndpoint); diff != "" {
				t.Errorf("%q: %s: -want +have\n%s", address, backend, diff)
			}
		}
	}
}

// TestNameInAnAddressIsResolved uses a name that every machine resolves to a loopback address.
func TestNameInAnAddressIsResolved(t *testing.T) {
	for address, port := range map[string]uint16{"localhost:50051": 50051, "localhost": 0} {
		for backend, have := range localEndpoints(t, address) {
			known := have.IPv4 != nil || have.IPv6 != nil
			if !known || have.IPv4 != nil && !have.IPv4.IsLoopback() ||
				have.IPv6 != nil && !have.IPv6.IsLoopback() || have.Port != port {
				t.Errorf("%s: %s: have %+v, want a loopback address and port %d",
					address, backend, have, port)
			}
		}
	}
}

// TestNameThatCannotBeResolvedIsAnError opens a tracer with a name that DNS reserves (RFC 6761).
func TestNameThatCannotBeResolvedIsAnError(t *testing.T) {
	c := config("memory")
	c.Address = "no-such-host.invalid:50051"
	if err := c.Validate(); err != nil {
		t.Errorf("Validate: have %v, want the form accepted", err)
	}
	_, _, err := tracer.Open(t.Context(), c)
	const want = `tracer: address "no-such-host.invalid:50051": lookup no-such-host.invalid`
	var dns *net.DNSError
	if err == nil || !strings.HasPrefix(err.Error(), want) || !errors.As(err, &dns) {
		t.Errorf("have %v, want %s…", err, want)
	}
}

// TestMalformedAddressIsAnError checks the errors of Validate and Open.
func TestMalformedAddressIsAnError(t *testing.T) {
	for _, address := range []string{
		"http://h:1", "h:65536", "h:-1", "h:http", "h:", ":", "a:b:1", "[::1]", "[::1", "a b:1",
		"a\tb", "u@h:1", "h/p:1",
	} {
		c := config("memory")
		c.Address = address
		want := "must be host:port, host or :port"
		if err := c.Validate(); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%q: Validate: have %v, want %s", address, err, want)
		}
		if _, _, err := tracer.Open(t.Context(), c); err == nil ||
			!strings.HasPrefix(err.Error(), "tracer: address ") {
			t.Errorf("%q: Open: have %v, want %s", address, err, want)
		}
	}
}
