package httppost

import (
	"io"
	"net"
	"sync"
)

// A sharedBody is the body of a request whose memory is reused after the request. net/http may
// still hold a reader after it has returned an answer or an error, and does not close all of them:
// not those that it opens for a redirect, or for a second attempt when the context ends.
type sharedBody struct {
	mu    sync.RWMutex
	bytes []byte // nil when revoked
	size  int
}

func newSharedBody(b []byte) *sharedBody { return &sharedBody{bytes: b, size: len(b)} }

// open returns a reader of the whole body.
func (b *sharedBody) open() (io.ReadCloser, error) { return &sharedReader{body: b}, nil }

// revoke makes all readers fail. It waits only for the memory to be copied, not for the network.
func (b *sharedBody) revoke() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bytes = nil
}

// A sharedReader has no method WriteTo, which would lend the memory to a connection that may not
// take it.
type sharedReader struct {
	body *sharedBody
	read int
}

// Read implements [io.Reader].
func (r *sharedReader) Read(p []byte) (int, error) {
	r.body.mu.RLock()
	defer r.body.mu.RUnlock()
	switch {
	case r.read == r.body.size: // also when revoked: net/http looks for the end, and may be late
		return 0, io.EOF
	case r.body.bytes == nil:
		return 0, net.ErrClosed
	}
	n := copy(p, r.body.bytes[r.read:])
	r.read += n
	return n, nil
}

// Close implements [io.Closer].
func (*sharedReader) Close() error { return nil }
