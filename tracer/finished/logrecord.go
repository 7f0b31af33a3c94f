package finished

import (
	"strings"
	"time"
)

// FieldEvent is the key of the field that names a log record's event (OpenTracing's semantic
// conventions).
const FieldEvent = "event"

// A LogRecord is one log record of a span.
type LogRecord struct {
	Time   time.Time
	Fields []Tag // in order, as they were when they were logged
	// ErrorType is the Go type of the error that was logged, or empty.
	ErrorType string
}

// Get returns the value of the first field with this key, or "".
func (r LogRecord) Get(key string) string {
	for _, f := range r.Fields {
		if f.Key == key {
			return f.Value
		}
	}
	return ""
}

// Text renders the record as one line: the value of a lone event, otherwise key=value pairs
// separated by spaces.
func (r LogRecord) Text() string {
	if len(r.Fields) == 1 && r.Fields[0].Key == FieldEvent {
		return r.Fields[0].Value
	}
	var b strings.Builder
	for i, f := range r.Fields {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(f.Key)
		b.WriteByte('=')
		b.WriteString(f.Value)
	}
	return b.String()
}
