package tracer

import (
	"strings"
	"time"

	"github.com/opentracing/opentracing-go/log"
)

// Names of log fields that have a meaning (OpenTracing's semantic conventions).
const (
	fieldEvent  = "event"
	fieldObject = "error.object"
)

// A record is one log record: its fields as they were when it was logged, in order.
type record struct {
	at     time.Time
	fields []tag
}

// newRecord renders the fields. Their text is of maxValue bytes at most; those that it has no room for are left out.
func newRecord(at time.Time, fields []log.Field) record {
	r := record{at: at, fields: make([]tag, 0, len(fields))}
	for left := maxValue; len(fields) > 0 && left > 0; fields = fields[1:] {
		key := limited(fields[0].Key(), min(maxKey, left-1))
		left -= len(key) + len("=")
		whole, typ := format(fields[0].Value())
		value := limited(whole, left)
		if len(value) < len(whole) {
			typ = typeString // a number that is cut would be another one
		}
		left -= len(value) + len(" ")
		r.fields = append(r.fields, tag{key, value, typ})
	}
	return r
}

// get returns the value of a field, or nothing.
func (r record) get(key string) string {
	for _, f := range r.fields {
		if f.key == key {
			return f.value
		}
	}
	return ""
}

// text makes one annotation of the record: a lone event as it is, else key=value pairs.
func (r record) text() string {
	if len(r.fields) == 1 && r.fields[0].key == fieldEvent {
		return r.fields[0].value
	}
	var b strings.Builder
	for i, f := range r.fields {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(f.key)
		b.WriteByte('=')
		b.WriteString(f.value)
	}
	return b.String()
}
