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

// newRecord renders the fields, maxValue bytes of them all together.
func newRecord(at time.Time, fields []log.Field) record {
	r := record{at: at, fields: make([]tag, 0, len(fields))}
	left := maxValue
	for _, f := range fields {
		if left <= 0 {
			break
		}
		value, typ := format(f.Value())
		t := tag{limited(f.Key(), maxKey), limited(value, left), typ}
		left -= len(t.key) + len(t.value)
		r.fields = append(r.fields, t)
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
