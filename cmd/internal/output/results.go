package output

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"
	"time"
)

// chunk is the number of bytes that are written at once.
const chunk = 32 << 10

// Results is a writer that loses nothing while its context lasts: Write blocks until the data is
// written. After the end of the context, a Write that does not make progress for 2 s fails. After
// an error all further writes fail. Control characters are escaped. Write may be called
// concurrently.
type Results struct {
	ctx     context.Context
	data    chan []byte
	written chan error

	mu  sync.Mutex // serializes Write
	err error
}

// NewResults returns a Results that writes to w. It is not to be closed: it lasts as long as the
// process.
func NewResults(ctx context.Context, w io.Writer) *Results {
	r := &Results{ctx: ctx, data: make(chan []byte), written: make(chan error, 1)}
	go func() {
		for p := range r.data {
			_, err := w.Write(p)
			r.written <- err
		}
	}()
	return r
}

// Write writes p.
func (r *Results) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	text := append([]byte(nil), printable(p)...) // a write may last longer than this call
	for len(text) > 0 && r.err == nil {
		n := min(len(text), chunk)
		r.err = r.write(text[:n])
		text = text[n:]
	}
	if r.err != nil {
		return 0, r.err
	}
	return len(p), nil
}

func (r *Results) write(p []byte) error {
	r.data <- p
	select {
	case err := <-r.written:
		return err
	case <-r.ctx.Done():
	}
	select {
	case err := <-r.written:
		return err
	case <-time.After(flushLimit):
		return fmt.Errorf("the output was not read within %v", flushLimit)
	}
}

// IsClosed reports whether err is of a write to a pipe whose reader is gone.
func IsClosed(err error) bool { return errors.Is(err, syscall.EPIPE) }

// Printed returns the exit status of a command that has only printed a text: 0, or 1 if the text
// cannot be written, which one line on stderr says. A reader that is gone is no error. stdout must
// be a [Results], which keeps its error.
func Printed(name string, stdout, stderr io.Writer) int {
	_, err := stdout.Write(nil)
	if err == nil || IsClosed(err) {
		return 0
	}
	fmt.Fprintf(stderr, "%s: %s\n", name, Line(err.Error()))
	return 1
}
