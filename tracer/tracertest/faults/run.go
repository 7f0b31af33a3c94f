package faults

import (
	"context"
	"os"
	"time"
)

// A Result is what became of the spans.
type Result struct {
	Finished int   // spans, without the one that a collector will not have
	Arrived  int   // of them at the collector
	Twice    int   // of those more than once
	Close    error // what the sender said of it in the end
}

// Lost returns how many spans have not arrived.
func (r Result) Lost() int { return r.Finished - r.Arrived }

// Run has the sender go through the fault. It ends early, with an error, when ctx does.
func Run(ctx context.Context, f Fault, s Sender) (r Result, err error) {
	c, err := begin(f)
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
		r.Close, err = again(ctx, c, s, spool)
	}
	r.Arrived, r.Twice = c.arrived()
	return r, err
}

// again ends the fault, and has the sender begin and end once more.
func again(ctx context.Context, c *collector, s Sender, spool string) (closed, err error) {
	c.over()
	if err := <-c.listening; err != nil {
		return nil, err
	}
	second, err := s.Open(ctx, c.url(), spool)
	if err != nil {
		return nil, err
	}
	return second.Close(), nil
}

// load finishes spans at the fault's rate, and one that is poisoned in the middle of those that are counted.
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
