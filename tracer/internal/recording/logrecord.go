package recording

import (
	"fmt"
	"time"

	"github.com/opentracing/opentracing-go/log"

	"bookservice/tracer/finished"
	"bookservice/tracer/internal/truncate"
)

// Keys of the fields in which instrumentation puts an error or its message.
const (
	fieldErrorObject  = "error.object" // OpenTracing's semantic conventions
	fieldMessage      = "message"      // the same, with event=error
	fieldOldError     = "error"        // OpenTracing before version 1.2
	fieldErrorMessage = "error.message"
	fieldErr          = "err"
	fieldPayload      = "payload" // of the deprecated log methods, with event=error
)

// interleaved returns the fields of LogKV. It reports false if a key is no string, or a value is
// missing. Package log has a function for that, but it renders most values itself.
func interleaved(keyValues []any) (fields []log.Field, ok bool) {
	if len(keyValues)%2 != 0 {
		return nil, false
	}
	fields = make([]log.Field, 0, len(keyValues)/2)
	for i := 0; i < len(keyValues); i += 2 {
		key, ok := keyValues[i].(string)
		if !ok {
			return nil, false
		}
		fields = append(fields, log.Object(key, keyValues[i+1]))
	}
	return fields, true
}

// newLogRecord renders the fields, which may call the user's code. Their text has at most maxValue
// bytes; fields beyond that are left out.
func newLogRecord(at time.Time, fields []log.Field) finished.LogRecord {
	at, _ = clampTime(at)
	e := fieldEncoder{left: maxValue}
	e.record = finished.LogRecord{Time: at, Fields: make([]finished.Tag, 0, len(fields))}
	for _, f := range fields {
		switch value := f.Value().(type) {
		case log.LazyLogger:
			e.EmitLazyLogger(value)
		case nil:
			if f.Key() != "" { // log.Noop has neither key nor value
				e.add(f.Key(), value)
			}
		default:
			e.add(f.Key(), value)
		}
	}
	return e.record
}

// loggedError returns the message of the error that the record is about, or "".
func loggedError(r finished.LogRecord) string {
	for _, key := range [...]string{fieldErrorObject, fieldOldError, fieldErrorMessage} {
		if message := r.Get(key); isMessage(message) {
			return message
		}
	}
	if r.Get(finished.FieldEvent) != "error" {
		return ""
	}
	for _, key := range [...]string{fieldMessage, fieldErr, fieldPayload} {
		if message := r.Get(key); isMessage(message) {
			return message
		}
	}
	return ""
}

// isMessage reports whether the text says more about an error than that there is one, or none.
func isMessage(text string) bool {
	switch text {
	case "", "true", "false", "<nil>":
		return false
	}
	return true
}

// A fieldEncoder renders fields. It implements [log.Encoder] for lazy loggers. Other fields are
// added directly: log.Field.Marshal would let an error that panics panic here.
type fieldEncoder struct {
	record finished.LogRecord
	left   int // bytes
}

func (e *fieldEncoder) add(key string, value any) {
	if e.left <= 0 {
		return
	}
	if err, ok := value.(error); ok && e.record.ErrorType == "" && !isNil(value) {
		e.record.ErrorType = fmt.Sprintf("%T", err)
	}
	key = truncate.UTF8(key, min(maxKey, e.left-1))
	e.left -= len(key) + len("=")
	whole, typ := format(value)
	text := truncate.UTF8(whole, e.left)
	if len(text) < len(whole) {
		typ = finished.String // a truncated number has another value
	}
	e.left -= len(text) + len(" ")
	e.record.Fields = append(e.record.Fields, finished.Tag{Key: key, Value: text, Type: typ})
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

// EmitLazyLogger keeps a panic of the user's code from the traced code. The fields before it are
// kept.
func (e *fieldEncoder) EmitLazyLogger(value log.LazyLogger) {
	defer func() {
		if cause := recover(); cause != nil {
			e.add("panic", cause)
		}
	}()
	value(e)
}
