// Package output writes what a command prints. A reader of standard output or standard error that
// is slow, is gone or does not read cannot block or end the command. Text of foreign origin cannot
// control the terminal.
package output

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	maxPending = 1 << 20         // bytes of lines that are not written yet
	flushLimit = 2 * time.Second // of Close and of results after a signal
)

// A Log is a writer of lines that never blocks. It keeps up to 1 MiB of lines that are not written
// yet. Further lines are lost, and so are lines whose write fails; their number is written when it
// is possible. Control characters are escaped. Its methods may be called concurrently.
type Log struct {
	w      io.Writer
	wake   chan struct{} // has room for one
	ended  chan struct{} // closed when nothing more is written
	failed chan struct{} // closed at the first error

	mu      sync.Mutex
	pending []byte
	closed  bool
	lost    uint64 // lines
	unsaid  uint64 // lost lines that no line reports
	err     error  // the first one
}

// NewLog returns a Log that writes to w. The caller must close it.
func NewLog(w io.Writer) *Log {
	l := &Log{
		w: w, wake: make(chan struct{}, 1),
		ended: make(chan struct{}), failed: make(chan struct{}),
	}
	go l.run()
	return l
}

// Write adds p, which is one or more lines. It returns the length of p and no error.
func (l *Log) Write(p []byte) (int, error) {
	text := printable(p)
	l.mu.Lock()
	if l.closed || len(l.pending)+len(text) > maxPending {
		l.lose(text)
	} else {
		l.pending = append(l.pending, text...)
	}
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
	return len(p), nil
}

// lose counts lines that are lost. The caller holds mu.
func (l *Log) lose(text []byte) {
	lines := uint64(max(bytes.Count(text, []byte("\n")), 1))
	l.lost += lines
	l.unsaid += lines
}

// Lost returns the number of lines that were lost.
func (l *Log) Lost() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}

// Failed returns a channel that is closed when a write fails.
func (l *Log) Failed() <-chan struct{} { return l.failed }

// Close writes the pending lines, for 2 s at most, and returns the first error of a write. Lines
// that are written to the Log later are lost.
func (l *Log) Close() error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
	select {
	case <-l.ended:
	case <-time.After(flushLimit):
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// run writes lines until the Log is closed.
func (l *Log) run() {
	defer close(l.ended)
	for range l.wake {
		for {
			text, said, closed := l.next()
			if len(text) == 0 {
				if closed {
					return
				}
				break
			}
			if n, err := l.w.Write(text); err != nil {
				l.fail(text[n:], said, err)
			}
		}
	}
}

// next returns the lines to write, the number of lost lines that the last of them reports, and
// whether there are no more.
func (l *Log) next() (text []byte, said uint64, closed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	text, l.pending = l.pending, nil
	if l.unsaid > 0 && len(text) > 0 {
		text = fmt.Appendf(text, "time=%s level=WARN msg=\"log lines lost\" lines=%d\n",
			time.Now().Format("2006-01-02T15:04:05.000Z07:00"), l.unsaid)
		said, l.unsaid = l.unsaid, 0
	}
	return text, said, l.closed
}

// fail counts the lines whose write failed. If said is not 0, the last one reports lost lines.
func (l *Log) fail(text []byte, said uint64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if said > 0 {
		text = text[:bytes.LastIndexByte(text[:max(len(text)-1, 0)], '\n')+1]
		l.unsaid += said
	}
	if len(text) > 0 {
		l.lose(text)
	}
	if l.err == nil {
		l.err = err
		close(l.failed)
	}
}
