package tracer

import (
	"fmt"
	"math"
	"net"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/opentracing/opentracing-go/ext"
	"github.com/openzipkin/zipkin-go/model"
)

const (
	tagError   = "error"
	tagRefType = "opentracing.ref_type" // OpenTelemetry's name for the kind of a reference
)

// setTag takes a tag at its meaning: the kind and the peer have places of their own in a Zipkin span, and error is
// there only if it is true. The caller holds the lock, or is the only one that knows the span.
func (s *span) setTag(key string, value any) {
	switch key {
	case string(ext.SpanKind):
		if kind, ok := asKind(value); ok {
			s.kind = kind
			return
		}
	case string(ext.PeerService):
		s.peer.service = limited(text(value), maxValue)
		return
	case string(ext.PeerAddress):
		if addr, ok := asAddrPort(value); ok {
			s.peer.ip, s.peer.port = addr.Addr().Unmap(), addr.Port()
			return
		}
	case string(ext.PeerHostIPv4), string(ext.PeerHostIPv6):
		if ip, ok := asIP(value); ok {
			s.peer.ip = ip.Unmap()
			return
		}
	case string(ext.PeerPort):
		if port, ok := asInt(value); ok && port >= 0 && port <= 65535 {
			s.peer.port = uint16(port)
			return
		}
	case tagError:
		s.setError(value)
		return
	case string(ext.SamplingPriority):
		s.prioritise(priority(value))
		return
	}
	text, typ := format(value)
	s.putTag(tag{limited(key, maxKey), limited(text, maxValue), typ})
}

// prioritise gives the span, and what will be below it, another decision.
func (s *span) prioritise(d decision) {
	if d == undecided || d == s.ctx.decision {
		return
	}
	next := *s.ctx
	next.decision = d
	s.ctx, s.priority = &next, d
}

// setError keeps error=true apart from an error tag with a text of its own: only the first can take the message of a
// logged error in its place.
func (s *span) setError(value any) {
	said := limited(text(value), maxValue)
	s.dropTag(tagError)
	s.failed = said == "true"
	if !s.failed && said != "false" && said != "" {
		s.putTag(tag{key: tagError, value: said})
	}
}

func (s *span) putTag(t tag) {
	for i := range s.tags {
		if s.tags[i].key == t.key {
			s.tags[i] = t
			return
		}
	}
	if len(s.tags) < maxTags {
		s.tags = append(s.tags, t)
	}
}

func (s *span) dropTag(key string) {
	for i := range s.tags {
		if s.tags[i].key == key {
			s.tags = append(s.tags[:i], s.tags[i+1:]...)
			return
		}
	}
}

func asKind(value any) (model.Kind, bool) {
	var kind string
	switch v := value.(type) {
	case ext.SpanKindEnum:
		kind = string(v)
	case string:
		kind = v
	}
	for _, k := range []model.Kind{model.Client, model.Server, model.Producer, model.Consumer} {
		if strings.EqualFold(kind, string(k)) {
			return k, true
		}
	}
	return "", false
}

func asAddrPort(value any) (netip.AddrPort, bool) {
	if tcp, ok := value.(*net.TCPAddr); ok && tcp != nil {
		addr := tcp.AddrPort()
		return addr, addr.IsValid()
	}
	addr, err := netip.ParseAddrPort(text(value))
	return addr, err == nil
}

// asIP reads an address as text, as net.IP, or as the number that opentracing-go's ext package makes of an IPv4 one.
func asIP(value any) (netip.Addr, bool) {
	switch v := value.(type) {
	case uint32:
		return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}), true
	case net.IP:
		return netip.AddrFromSlice(v)
	}
	ip, err := netip.ParseAddr(text(value))
	return ip, err == nil
}

// asInt reads any integer type, and text that is an integer.
func asInt(value any) (int64, bool) {
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int(), true
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return int64(min(v.Uint(), 1<<62)), true
	case reflect.String:
		n, err := strconv.ParseInt(v.String(), 10, 64)
		return n, err == nil
	}
	return 0, false
}

// format renders a tag's value and says what it was. The common types go without fmt; fmt also survives a String method
// that panics.
func format(value any) (string, valueType) {
	switch v := value.(type) {
	case string:
		return v, typeString
	case bool:
		return strconv.FormatBool(v), typeBool
	case int:
		return strconv.Itoa(v), typeInt
	case int32:
		return strconv.FormatInt(int64(v), 10), typeInt
	case int64:
		return strconv.FormatInt(v, 10), typeInt
	case uint16:
		return strconv.FormatUint(uint64(v), 10), typeInt
	case uint32:
		return strconv.FormatUint(uint64(v), 10), typeInt
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), typeFloat
	case net.Addr:
		return addrText(v), typeString
	case nil:
		return "", typeString
	}
	return fmt.Sprint(value), typeOf(value)
}

// addrText is what fmt makes of an address, panics and all, without its buffer.
func addrText(addr net.Addr) (s string) {
	defer func() {
		if recover() != nil {
			s = fmt.Sprint(addr)
		}
	}()
	return addr.String()
}

func typeOf(value any) valueType {
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint8, reflect.Uint16, reflect.Uint32:
		if _, named := value.(fmt.Stringer); !named {
			return typeInt
		}
	case reflect.Uint, reflect.Uint64:
		if _, named := value.(fmt.Stringer); !named && v.Uint() <= math.MaxInt64 {
			return typeInt
		}
	case reflect.Float32:
		return typeFloat
	}
	return typeString
}

func text(value any) string {
	s, _ := format(value)
	return s
}

// limited makes s valid UTF-8, which protobuf insists on, of so many bytes at most.
func limited(s string, most int) string {
	s = cut(s, most)
	if utf8.ValidString(s) {
		return s
	}
	return cut(strings.ToValidUTF8(s, "\uFFFD"), most) // which may have made it longer
}

// cut returns the beginning of s, without a character that is not whole any more.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}
