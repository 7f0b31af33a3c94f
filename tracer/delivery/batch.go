package delivery

import (
	"iter"
	"time"
)

// A Batch is one or more encoded spans. Its memory belongs to the queue: a [SendFunc] must neither
// change it nor use it after it has returned.
type Batch struct {
	data     []byte    // the spans, concatenated
	ends     []uint32  // the end offset of each span in data
	firstAdd time.Time // when the first span was added; zero if the batch comes from the spool
}

// Len returns the number of spans.
func (b Batch) Len() int { return len(b.ends) }

// Bytes returns the spans, concatenated in order.
func (b Batch) Bytes() []byte { return b.data }

// All yields the spans in order.
func (b Batch) All() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		start := uint32(0)
		for _, end := range b.ends {
			if !yield(b.data[start:end:end]) {
				return
			}
			start = end
		}
	}
}

// spanOverhead is the memory that a span takes beyond its bytes: 4 bytes in Batch.ends, and 4 bytes
// for the spare capacity that append may allocate. It equals frameHeader, so that a spool file
// takes as much memory as it has bytes.
const spanOverhead = frameHeader

// cost returns the size of b as it counts against Config.QueueBytes.
func (b Batch) cost() int { return len(b.data) + spanOverhead*len(b.ends) }

func (b *Batch) add(span []byte) {
	b.data = append(b.data, span...)
	b.ends = append(b.ends, uint32(len(b.data)))
}

// truncate returns at most the first n spans of b. n must be 1 or more.
func (b Batch) truncate(n int) Batch {
	if n >= len(b.ends) {
		return b
	}
	return Batch{b.data[:b.ends[n-1]], b.ends[:n], b.firstAdd}
}

// halve splits b into two batches that share its bytes. b must have two or more spans.
func (b Batch) halve() (first, second Batch) {
	middle := len(b.ends) / 2
	cut := b.ends[middle-1]
	first = Batch{b.data[:cut:cut], b.ends[:middle:middle], b.firstAdd}
	second = Batch{b.data[cut:], make([]uint32, 0, len(b.ends)-middle), b.firstAdd}
	for _, end := range b.ends[middle:] {
		second.ends = append(second.ends, end-cut)
	}
	return first, second
}
