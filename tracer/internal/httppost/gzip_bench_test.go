package httppost

import (
	"bytes"
	"runtime"
	"testing"
)

// BenchmarkZip compresses batches of ordinary size. A garbage collection follows each, as on a
// server with a small heap, and must not take the compressor's memory.
func BenchmarkZip(b *testing.B) {
	batch := bytes.Repeat([]byte("\n\x5e\n\x10/book.BookService/GetBookInfo 127.0.0.1 "), 1000)
	var free zippers
	b.SetBytes(int64(len(batch)))
	b.ReportAllocs()
	for b.Loop() {
		z := free.get()
		z.zip(batch)
		free.put(z)
		b.StopTimer()
		runtime.GC()
		b.StartTimer()
	}
}
