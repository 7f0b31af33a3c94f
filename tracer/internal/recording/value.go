package recording

import (
	"fmt"
	"math"
	"net"
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
	value = indirect(value)
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
			s = sprint(addr)
		}
	}()
	return addr.String()
}

// isNil reports whether the value is nil or a nil pointer.
func isNil(value any) bool {
	v := reflect.ValueOf(value)
	return !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil()
}

// maxIndirections is the largest number of pointers that are followed to a value.
const maxIndirections = 8

// indirect follows pointers, up to a value that fmt renders: one that is no pointer, a nil pointer,
// a pointer that has a method for it, or a pointer to a struct, map, slice or array.
func indirect(value any) any {
	for range maxIndirections {
		v := reflect.ValueOf(value)
		if v.Kind() != reflect.Pointer || v.IsNil() || renders(value) {
			return value
		}
		switch v.Elem().Kind() {
		case reflect.Struct, reflect.Map, reflect.Slice, reflect.Array:
			return value
		}
		value = v.Elem().Interface()
	}
	return value
}

// renders reports whether fmt renders the value by one of its methods.
func renders(value any) bool {
	switch value.(type) {
	case fmt.Formatter, fmt.Stringer, error:
		return true
	}
	return false
}

// sprint renders a value as fmt does, which recovers from panics in its methods. A value that is
// too large, or that contains itself, is rendered as its type.
func sprint(value any) (s string) {
	defer func() {
		if recover() != nil { // rendering what a method panicked with has panicked too
			s = fmt.Sprintf("%T (panics)", value)
		}
	}()
	budget := maxRendered
	if !renders(value) && !renderable(reflect.ValueOf(value), 0, &budget) {
		return fmt.Sprintf("%T (too large)", value)
	}
	return fmt.Sprint(value)
}

const (
	maxDepth    = 64      // of values within a value
	maxRendered = 1 << 18 // bytes, about
)

// renderable reports whether the text of a value is within the limits. It visits what fmt would. In
// particular, fmt follows only the outermost pointer.
func renderable(v reflect.Value, depth int, budget *int) bool {
	const perValue = 8 // bytes of the text of a number, about
	*budget -= perValue
	if depth > maxDepth || *budget < 0 {
		return false
	}
	if depth > 0 && v.IsValid() && v.CanInterface() && renders(v.Interface()) {
		return true
	}
	each := func(v reflect.Value) bool { return renderable(v, depth+1, budget) }
	switch v.Kind() {
	case reflect.String:
		*budget -= v.Len()
	case reflect.Pointer:
		return depth > 0 || v.IsNil() || each(v.Elem())
	case reflect.Interface:
		return v.IsNil() || renderable(v.Elem(), depth, budget)
	case reflect.Struct:
		for _, field := range v.Fields() {
			if !each(field) {
				return false
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if !each(v.Index(i)) {
				return false
			}
		}
	case reflect.Map:
		for entry := v.MapRange(); entry.Next(); {
			if !each(entry.Key()) || !each(entry.Value()) {
				return false
			}
		}
	}
	return *budget >= 0
}

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
