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

// kinds are the kinds of spans. A span has the index, which is smaller.
var kinds = [...]model.Kind{
	kindNone:     model.Undetermined,
	kindClient:   model.Client,
	kindServer:   model.Server,
	kindProducer: model.Producer,
	kindConsumer: model.Consumer,
}

const (
	kindNone uint8 = iota
	kindClient
	kindServer
	kindProducer
	kindConsumer
)

func asKind(value any) (uint8, bool) {
	var kind string
	switch v := indirect(value).(type) {
	case ext.SpanKindEnum:
		kind = string(v)
	case string:
		kind = v
	}
	for k := kindClient; int(k) < len(kinds); k++ {
		if strings.EqualFold(kind, string(kinds[k])) {
			return k, true
		}
	}
	return kindNone, false
}

// asAddr reads an address with or without a port: a *net.TCPAddr or *net.UDPAddr, or text. An IPv6
// address may be in brackets.
func asAddr(value any) (ip netip.Addr, port uint16, ok bool) {
	switch v := value.(type) {
	case *net.TCPAddr:
		if v != nil {
			addr := v.AddrPort()
			return addr.Addr(), addr.Port(), addr.IsValid()
		}
	case *net.UDPAddr:
		if v != nil {
			addr := v.AddrPort()
			return addr.Addr(), addr.Port(), addr.IsValid()
		}
	}
	s := text(value)
	if addr, err := netip.ParseAddrPort(s); err == nil {
		return addr.Addr(), addr.Port(), true
	}
	ip, ok = parseIP(s)
	return ip, 0, ok
}

// splitHostPort splits the host:port of a name.
func splitHostPort(s string) (host string, port uint16, ok bool) {
	host, text, err := net.SplitHostPort(s)
	n, errPort := strconv.ParseUint(text, 10, 16)
	return host, uint16(n), err == nil && errPort == nil && host != ""
}

// asIP reads an address from text, from a [net.IP], or from the number that package ext makes of an
// IPv4 address.
func asIP(value any) (netip.Addr, bool) {
	switch v := indirect(value).(type) {
	case uint32:
		return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}), true
	case net.IP:
		return netip.AddrFromSlice(v)
	}
	return parseIP(text(value))
}

// parseIP reads an IP address, which may be in brackets.
func parseIP(s string) (netip.Addr, bool) {
	if inner, ok := strings.CutPrefix(s, "["); ok {
		s = strings.TrimSuffix(inner, "]")
	}
	ip, err := netip.ParseAddr(s)
	return ip, err == nil
}

// asInt reads any integer type, and text that is a decimal integer.
func asInt(value any) (int64, bool) {
	switch v := reflect.ValueOf(indirect(value)); v.Kind() {
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

// format renders a value and returns the type that it had. It may call methods of the value, so no
// lock may be held. It avoids fmt for common types.
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
	if v, ok := pointed(value); ok {
		return format(v)
	}
	return sprint(value), typeOf(value)
}

func text(value any) string {
	s, _ := format(value)
	return s
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

// maxIndirections is the largest number of pointers that are followed to a value.
const maxIndirections = 8

// indirect returns the value that a pointer points to, or any other value as it is.
func indirect(value any) any {
	if v, ok := pointed(value); ok {
		return v
	}
	return value
}

// pointed follows pointers to a boolean, a number or a string. It returns false for any other value,
// and for pointers that render themselves.
func pointed(value any) (any, bool) {
	v := reflect.ValueOf(value)
	if v.Kind() != reflect.Pointer {
		return nil, false
	}
	for range maxIndirections {
		if v.IsNil() || renders(v.Interface()) {
			return nil, false
		}
		switch v = v.Elem(); v.Kind() {
		case reflect.Pointer:
		case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64,
			reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
			reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
			return v.Interface(), true
		default:
			return nil, false
		}
	}
	return nil, false
}

// renders reports whether fmt renders the value by one of its methods.
func renders(value any) bool {
	switch value.(type) {
	case fmt.Formatter, fmt.Stringer, error:
		return true
	}
	return false
}

// sprint renders a value by fmt, which recovers from panics in its methods. A value that contains
// itself, for which fmt would not end, is rendered as its type.
func sprint(value any) (s string) {
	defer func() {
		if cause := recover(); cause != nil {
			s = fmt.Sprintf("%T (panic: %v)", value, cause)
		}
	}()
	visits := maxVisits
	if !renders(value) && !finite(reflect.ValueOf(value), maxDepth, &visits) {
		return fmt.Sprintf("%T (too deep to render)", value)
	}
	return fmt.Sprint(value)
}

const (
	maxDepth  = 64      // of the values within a value
	maxVisits = 100_000 // of values within a value
)

// finite reports whether the value has at most maxVisits values within it, at most maxDepth deep.
func finite(v reflect.Value, depth int, visits *int) bool {
	if *visits--; depth == 0 || *visits < 0 {
		return false
	}
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		return v.IsNil() || finite(v.Elem(), depth-1, visits)
	case reflect.Struct:
		for i := range v.NumField() {
			if !finite(v.Field(i), depth-1, visits) {
				return false
			}
		}
	case reflect.Slice, reflect.Array:
		if scalar(v.Type().Elem().Kind()) {
			return true
		}
		for i := range v.Len() {
			if !finite(v.Index(i), depth-1, visits) {
				return false
			}
		}
	case reflect.Map:
		for each := v.MapRange(); each.Next(); {
			if !finite(each.Key(), depth-1, visits) || !finite(each.Value(), depth-1, visits) {
				return false
			}
		}
	}
	return true
}

// scalar reports whether values of this kind have no values within them.
func scalar(k reflect.Kind) bool { return k <= reflect.Complex128 || k == reflect.String }

func typeOf(value any) finished.Type {
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint8, reflect.Uint16, reflect.Uint32:
		if !renders(value) {
			return finished.Int
		}
	case reflect.Uint, reflect.Uint64:
		if !renders(value) && v.Uint() <= math.MaxInt64 {
			return finished.Int
		}
	case reflect.Float32:
		return finished.Float
	}
	return finished.String
}

// clampTime returns at, or the current time and false if Zipkin or OTLP cannot express at: the zero
// time, and others before 1970 or from 2262 on.
func clampTime(at time.Time) (time.Time, bool) {
	if sec := at.Unix(); sec < 1 || sec >= math.MaxInt64/int64(time.Second) {
		return time.Now(), false
	}
	return at, true
}
