package delivery

import "iter"

// A Batch is one or more records. It is lent to a Send, which must not change it.
type Batch struct {
	data []byte
	ends []int // where each record ends in data
}

// Len returns how many records there are.
func (b Batch) Len() int { return len(b.ends) }

// Bytes returns the records joined end to end.
func (b Batch) Bytes() []byte { return b.data }

// All yields the records in their order.
func (b Batch) All() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		start := 0
		for _, end := range b.ends {
			if !yield(b.data[start:end:end]) {
				return
			}
			start = end
		}
	}
}

// perRecord is what a record costs beside its bytes.
const perRecord = 8

// cost is the batch's share of the queue's bound.
func (b Batch) cost() int { return len(b.data) + perRecord*len(b.ends) }

func (b *Batch) add(record []byte) {
	b.data = append(b.data, record...)
	b.ends = append(b.ends, len(b.data))
}

// halves returns the batch in two parts that share its bytes. It has two records or more.
func (b Batch) halves() (first, second Batch) {
	middle := len(b.ends) / 2
	cut := b.ends[middle-1]
	first = Batch{b.data[:cut:cut], b.ends[:middle:middle]}
	second = Batch{data: b.data[cut:], ends: make([]int, 0, len(b.ends)-middle)}
	for _, end := range b.ends[middle:] {
		second.ends = append(second.ends, end-cut)
	}
	return first, second
}
