package tracer

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/url"
	"sync"
)

// withoutURL takes the URL off an error: it may have credentials, and is in the log line already.
func withoutURL(err error) error {
	var inner *url.Error
	if errors.As(err, &inner) {
		return inner.Err
	}
	return err
}

// drain reads the rest of an answer, within reason, so that the connection can be used again.
func drain(body io.ReadCloser) error {
	defer body.Close()
	_, err := io.Copy(io.Discard, io.LimitReader(body, maxAnswer))
	return err
}

// A lentBody is the body of a request whose bytes are used again. net/http may read on after it has given an answer or an
// error; wait returns when it does not any more.
type lentBody struct {
	bytes   []byte
	readers sync.WaitGroup
}

func (l *lentBody) open() (io.ReadCloser, error) {
	l.readers.Add(1)
	return &lentReader{Reader: bytes.NewReader(l.bytes), done: sync.OnceFunc(l.readers.Done)}, nil
}

func (l *lentBody) wait() { l.readers.Wait() }

type lentReader struct {
	*bytes.Reader
	done func()
}

func (r *lentReader) Close() error {
	r.done()
	return nil
}

// A zipper compresses, and keeps its memory.
type zipper struct {
	to bytes.Buffer
	w  *gzip.Writer
}

var zippers = sync.Pool{New: func() any {
	z := &zipper{}
	z.w, _ = gzip.NewWriterLevel(&z.to, gzip.BestSpeed) // the level is one there is
	return z
}}

// zip returns b compressed, until the next call.
func (z *zipper) zip(b []byte) []byte {
	z.to.Reset()
	z.w.Reset(&z.to)
	_, _ = z.w.Write(b) // a Buffer takes everything
	_ = z.w.Close()
	return z.to.Bytes()
}
