package faults

import (
	"context"
	"os"
	"time"
)

// A Result says which spans arrived.
type Result struct {
	Finished   int   // spans, without the poisoned one
	Arrived    int   // different spans at the collector
	Duplicated int   // of those, spans that arrived more than once
	Close      error // from closing the sender
}

// Lost returns how many spans have not arrived.
func (r Result) Lost() int { return r.Finished - r.Arrived }

// Run sends spans to a collector with the fault. It ends early, with an error, if ctx ends.
func Run(ctx context.Context, f Fault, s Sender) (r Result, err error) {
	c, err := start(f)
	if err != nil {
		return r, err
	}
	defer c.close()
	spool := ""
	if f.Restart {
		if spool, err = os.MkdirTemp("", "spool"); err != nil {
			return r, err
		}
		defer os.RemoveAll(spool)
	}
	first, err := s.Open(ctx, c.url(), spool)
	if err != nil {
		return r, err
	}
	r.Finished, err = load(ctx, f, first)
	r.Close = first.Close()
	if err == nil && f.Restart {
		r.Close, err = restart(ctx, c, s, spool)
	}
	r.Arrived, r.Duplicated = c.arrived()
	return r, err
}

// restart ends the fault, and opens and closes the sender again.
func restart(ctx context.Context, c *collector, s Sender, spool string) (closed, err error) {
	c.endFault()
	if err := <-c.listening; err != nil {
		return nil, err
	}
	second, err := s.Open(ctx, c.url(), spool)
	if err != nil {
		return nil, err
	}
	return second.Close(), nil
}

// load finishes spans at the fault's rate. Halfway it finishes the poisoned span, if there is one.
func load(ctx context.Context, f Fault, s Session) (finished int, err error) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	start, total := time.Now(), f.Spans()
	for finished < total {
		select {
		case <-ctx.Done():
			return finished, ctx.Err()
		case <-tick.C:
		}
		due := min(total, int(int64(f.Rate)*int64(time.Since(start))/int64(time.Second)))
		for ; finished < due; finished++ {
			if finished == total/2 && f.poisoned {
				s.Finish(poisonedName)
			}
			s.Finish("book.BookService/GetBookInfo")
		}
	}
	return finished, nil
}
