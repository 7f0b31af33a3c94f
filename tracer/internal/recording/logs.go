package recording

import (
	"cmp"

	"bookservice/tracer/finished"
)

// logs are the log records of a span: all of them, or the oldest and the newest half of maxLogs.
// Often the last one says what went wrong. nil has no records.
type logs struct {
	records []finished.LogRecord  // the second half is a ring once records are dropped
	first   [2]finished.LogRecord // backs records at first, to save allocations
	dropped int
	failure string // the message of the last error that was logged
}

// and returns the logs with one more record.
func (l *logs) and(r finished.LogRecord) *logs {
	if len(r.Fields) == 0 {
		return l
	}
	if l == nil {
		l = &logs{}
		l.records = l.first[:0]
	}
	l.failure = cmp.Or(loggedError(r), l.failure)
	if len(l.records) < maxLogs {
		l.records = append(l.records, r)
		return l
	}
	l.records[maxLogs/2+l.dropped%(maxLogs/2)] = r
	l.dropped++
	return l
}

// with returns the logs with later ones. It may use the memory of either.
func (l *logs) with(later *logs) *logs {
	if l == nil || later == nil {
		return cmp.Or(l, later)
	}
	for _, r := range later.sorted() {
		l = l.and(r)
	}
	l.dropped += later.dropped
	l.failure = cmp.Or(later.failure, l.failure)
	return l
}

// sorted returns the records in order.
func (l *logs) sorted() []finished.LogRecord {
	switch {
	case l == nil:
		return nil
	case l.dropped == 0:
		return l.records
	}
	newest := l.records[maxLogs/2:]
	oldest := l.dropped % len(newest)
	sorted := append(make([]finished.LogRecord, 0, maxLogs), l.records[:maxLogs/2]...)
	return append(append(sorted, newest[oldest:]...), newest[:oldest]...)
}

func (l *logs) numDropped() int {
	if l == nil {
		return 0
	}
	return l.dropped
}

// message returns the message of the last error that was logged, or "".
func (l *logs) message() string {
	if l == nil {
		return ""
	}
	return l.failure
}
