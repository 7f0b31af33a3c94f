package otlp

import (
	"net/netip"
	"strconv"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"bookservice/tracer/collector/internal/zipkinv2"
)

// remote returns the other side of a call of a client or a producer: the first attribute of the
// specification's list that is there.
func (c *Converter) remote(s *tracepb.Span, kind zipkinv2.Kind) *zipkinv2.Endpoint {
	if kind != zipkinv2.KindClient && kind != zipkinv2.KindProducer {
		return nil
	}
	for _, rank := range [...]struct{ name, port string }{
		{name: "peer.service"},
		{name: "server.address"},
		{name: "net.peer.name"},
		{"network.peer.address", "network.peer.port"},
		{name: "server.socket.domain"},
		{"server.socket.address", "server.socket.port"},
		{name: "net.sock.peer.name"},
		{"net.sock.peer.addr", "net.sock.peer.port"},
		{name: "peer.hostname"},
		{name: "peer.address"},
		{name: "db.name"},
	} {
		value := attribute(s, rank.name)
		if value == "" {
			continue
		}
		e := zipkinv2.Endpoint{Service: c.decoder.Lower([]byte(value))}
		if _, err := netip.ParseAddr(value); err == nil && rank.name != "peer.service" {
			e = zipkinv2.Endpoint{}
			e.SetAddress(value)
		}
		if port, err := strconv.ParseUint(attribute(s, rank.port), 10, 16); err == nil {
			e.Port = uint16(port)
		}
		return c.decoder.Endpoint(e)
	}
	return nil
}

// attribute returns the text of an attribute, or "".
func attribute(s *tracepb.Span, key string) string {
	if key == "" {
		return ""
	}
	for _, a := range s.GetAttributes() {
		if a.GetKey() == key {
			return text(a.GetValue())
		}
	}
	return ""
}
