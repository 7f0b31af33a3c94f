package tracer

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer/internal/settings"
)

// lookupTimeout limits the resolution of the name in [Config.Address].
const lookupTimeout = 2 * time.Second

// splitAddress splits host:port, host or :port, as zipkin-go's NewEndpoint does. The port is 0 if
// there is none.
func splitAddress(address string) (host string, port uint16, err error) {
	if _, err := netip.ParseAddr(address); err == nil {
		return address, 0, nil
	}
	if !strings.Contains(address, ":") {
		address += ":0"
	}
	host, text, err := net.SplitHostPort(address)
	n, errPort := strconv.ParseUint(text, 10, 16)
	if err != nil || errPort != nil || strings.ContainsAny(host, "/@ \t") {
		return "", 0, fmt.Errorf("tracer: address %q: must be host:port, host or :port",
			settings.RedactUserinfo(address))
	}
	return host, uint16(n), nil
}

func checkAddress(address string) error {
	if address == "" {
		return nil
	}
	_, _, err := splitAddress(address)
	return err
}

// localEndpoint returns the endpoint of this instance. It resolves a name.
func localEndpoint(ctx context.Context, service, address string) (model.Endpoint, error) {
	e := model.Endpoint{ServiceName: service}
	if address == "" {
		return e, nil
	}
	host, port, err := splitAddress(address)
	e.Port = port
	if err != nil || host == "" {
		return e, err
	}
	ips, err := lookup(ctx, host)
	if err != nil {
		return e, fmt.Errorf("tracer: address %q: %w", address, err)
	}
	for _, ip := range ips {
		switch ip = ip.Unmap().WithZone(""); {
		case ip.IsUnspecified(): // all addresses of the host: no address in particular
		case ip.Is4() && e.IPv4 == nil:
			e.IPv4 = ip.AsSlice()
		case ip.Is6() && e.IPv6 == nil:
			e.IPv6 = ip.AsSlice()
		}
	}
	return e, nil
}

func lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}
