package httppost

import (
	"bytes"
	"compress/gzip"
	"io"
	"sync"
)

// A zipper compresses and keeps its memory for the next call: 0.8 MB, besides the result.
type zipper struct {
	to bytes.Buffer
	w  *gzip.Writer
}

func newZipper() *zipper {
	z := &zipper{}
	z.w, _ = gzip.NewWriterLevel(&z.to, gzip.BestSpeed) // fails only for an invalid level
	return z
}

// zip returns b compressed. The result is valid until the next call.
func (z *zipper) zip(b []byte) []byte {
	z.to.Reset()
	z.w.Reset(&z.to)
	_, _ = z.w.Write(b) // a Buffer never fails
	_ = z.w.Close()
	return z.to.Bytes()
}

// spareZippers is how many zippers a client keeps between posts. Most posts do not overlap.
const spareZippers = 2

// A zippers is a stack of the zippers that are not in use. Each garbage collection would empty a
// [sync.Pool], whose zippers then make up a tenth of what a busy server allocates.
type zippers struct {
	mu   sync.Mutex
	free []*zipper
}

func (z *zippers) get() *zipper {
	z.mu.Lock()
	defer z.mu.Unlock()
	last := len(z.free) - 1
	if last < 0 {
		return newZipper()
	}
	top := z.free[last]
	z.free = z.free[:last]
	return top
}

func (z *zippers) put(used *zipper) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if len(z.free) < spareZippers {
		z.free = append(z.free, used)
	}
}

// unzip returns the beginning of what was compressed.
func unzip(b []byte) []byte {
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil
	}
	plain, _ := io.ReadAll(io.LimitReader(r, maxAnswer)) // b may end early
	return plain
}
