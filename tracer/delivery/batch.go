package delivery

import (
	"iter"
	"time"
)

// A Batch is one or more records. It is lent to a Send, which must not change it.
type Batch struct {
	data  []byte
	ends  []uint32  // where each record ends in data
	since time.Time // when the first record came; zero for one that was read from disk
}

// Len returns how many records there are.
func (b Batch) Len() int { return len(b.ends) }

// Bytes returns the records joined end to end.
func (b Batch) Bytes() []byte { return b.data }

// All yields the records in their order.
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

// perRecord is what a record costs beside its bytes: its end, and as much again for the room that append leaves. It is
// what a frame costs too, so that a file of the spool takes as much memory as it has bytes.
const perRecord = frameHead

// cost is the batch's share of the queue's bound.
func (b Batch) cost() int { return len(b.data) + perRecord*len(b.ends) }

func (b *Batch) add(record []byte) {
	b.data = append(b.data, record...)
	b.ends = append(b.ends, uint32(len(b.data)))
}

// halves returns the batch in two parts that share its bytes. It has two records or more.
func (b Batch) halves() (first, second Batch) {
	middle := len(b.ends) / 2
	cut := b.ends[middle-1]
	first = Batch{b.data[:cut:cut], b.ends[:middle:middle], b.since}
	second = Batch{b.data[cut:], make([]uint32, 0, len(b.ends)-middle), b.since}
	for _, end := range b.ends[middle:] {
		second.ends = append(second.ends, end-cut)
	}
	return first, second
}

// joined returns the records of all parts in one batch.
func joined(parts []Batch) Batch {
	if len(parts) == 1 {
		return parts[0]
	}
	all := Batch{since: parts[0].since}
	for _, part := range parts {
		for record := range part.All() {
			all.add(record)
		}
	}
	return all
}

// count returns how many records the parts have.
func count(parts []Batch) (records int) {
	for _, part := range parts {
		records += part.Len()
	}
	return records
}
