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
	e := fieldEncoder{record: record{at: expressible(at), fields: make([]tag, 0, len(fields))}, left: maxValue}
	for _, f := range fields {
		switch value := f.Value().(type) {
		case log.LazyLogger:
			e.EmitLazyLogger(value)
		case nil:
			if f.Key() != "" { // log.Noop has neither
				e.add(f.Key(), value)
			}
		default:
			e.add(f.Key(), value)
		}
	}
	return e.record
}

// A fieldEncoder renders what a lazy logger emits. Fields that are not lazy are spared the way through it, on which an error
// that panics would do so here.
type fieldEncoder struct {
	record record
	left   int // bytes
}

func (e *fieldEncoder) add(key string, value any) {
	if e.left <= 0 {
		return
	}
	key = limited(key, min(maxKey, e.left-1))
	e.left -= len(key) + len("=")
	whole, typ := format(value)
	text := limited(whole, e.left)
	if len(text) < len(whole) {
		typ = typeString // a number that is cut would be another one
	}
	e.left -= len(text) + len(" ")
	e.record.fields = append(e.record.fields, tag{key, text, typ})
}

func (e *fieldEncoder) EmitString(key, value string)          { e.add(key, value) }
func (e *fieldEncoder) EmitBool(key string, value bool)       { e.add(key, value) }
func (e *fieldEncoder) EmitInt(key string, value int)         { e.add(key, value) }
func (e *fieldEncoder) EmitInt32(key string, value int32)     { e.add(key, value) }
func (e *fieldEncoder) EmitInt64(key string, value int64)     { e.add(key, value) }
func (e *fieldEncoder) EmitUint32(key string, value uint32)   { e.add(key, value) }
func (e *fieldEncoder) EmitUint64(key string, value uint64)   { e.add(key, value) }
func (e *fieldEncoder) EmitFloat32(key string, value float32) { e.add(key, value) }
func (e *fieldEncoder) EmitFloat64(key string, value float64) { e.add(key, value) }
func (e *fieldEncoder) EmitObject(key string, value any)      { e.add(key, value) }
func (e *fieldEncoder) EmitLazyLogger(value log.LazyLogger)   { value(e) }

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
