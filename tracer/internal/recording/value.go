package recording

import (
	"fmt"
	"math"
	"net"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/opentracing/opentracing-go/ext"
	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer/finished"
)

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

// asIP reads an address from text, from a [net.IP], or from the number that package ext makes of an
// IPv4 address.
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

// asInt reads any integer type, and text that is a decimal integer.
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

// format renders the value of a tag and returns the type that it had. It avoids fmt for common
// types; for others fmt recovers from a String method that panics.
func format(value any) (string, finished.Type) {
	switch v := value.(type) {
	case string:
		return v, finished.String
	case bool:
		return strconv.FormatBool(v), finished.Bool
	case int:
		return strconv.Itoa(v), finished.Int
	case int32:
		return strconv.FormatInt(int64(v), 10), finished.Int
	case int64:
		return strconv.FormatInt(v, 10), finished.Int
	case uint16:
		return strconv.FormatUint(uint64(v), 10), finished.Int
	case uint32:
		return strconv.FormatUint(uint64(v), 10), finished.Int
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), finished.Float
	case net.Addr:
		return addrText(v), finished.String
	case nil:
		return "", finished.String
	}
	return fmt.Sprint(value), typeOf(value)
}

// addrText renders an address as fmt does, panics included, without fmt's buffer.
func addrText(addr net.Addr) (s string) {
	defer func() {
		if recover() != nil {
			s = fmt.Sprint(addr)
		}
	}()
	return addr.String()
}

func typeOf(value any) finished.Type {
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint8, reflect.Uint16, reflect.Uint32:
		if _, named := value.(fmt.Stringer); !named {
			return finished.Int
		}
	case reflect.Uint, reflect.Uint64:
		if _, named := value.(fmt.Stringer); !named && v.Uint() <= math.MaxInt64 {
			return finished.Int
		}
	case reflect.Float32:
		return finished.Float
	}
	return finished.String
}

func text(value any) string {
	s, _ := format(value)
	return s
}

// clampTime returns the current time in place of one that Zipkin or OTLP cannot express: the zero
// time, and others before 1970 or from 2262 on.
func clampTime(at time.Time) time.Time {
	if sec := at.Unix(); sec < 1 || sec >= math.MaxInt64/int64(time.Second) {
		return time.Now()
	}
	return at
}
