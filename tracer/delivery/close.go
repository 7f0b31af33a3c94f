package delivery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// Close sends what is queued until ctx ends, and spools or drops what is left then. The error says how many records were
// lost by that. A second Close waits for the first and returns the same.
func (q *Queue) Close(ctx context.Context) error {
	q.mu.Lock()
	first := !q.closing
	q.closing = true
	q.mu.Unlock()
	if first {
		q.close(ctx)
	}
	<-q.closed
	select {
	case <-q.reported:
	case <-time.After(time.Second): // a log that hangs is left behind
	}
	return q.lost
}

func (q *Queue) close(ctx context.Context) {
	q.due.Stop()
	close(q.hurry)
	q.ready.Broadcast()
	release := context.AfterFunc(ctx, q.stop)
	q.senders.Wait()
	release()
	q.cancel()
	close(q.sent)
	q.spooler.Wait()
	q.lost = q.leftOver()
	close(q.closed)
}

// stop ends all attempts.
func (q *Queue) stop() {
	q.mu.Lock()
	q.stopped = true
	q.mu.Unlock()
	q.cancel()
	q.ready.Broadcast()
}

// leftOver spools what was not sent, and counts the rest as dropped. Nobody else touches the batches any more.
func (q *Queue) leftOver() error {
	q.mu.Lock()
	q.seal()
	rest := q.sealed
	q.sealed, q.free = nil, nil
	q.mu.Unlock()
	var failed error
	if q.spool != nil {
		for len(rest) > 0 && failed == nil {
			if failed = q.spool.append(rest[0], q.toDisk); failed == nil {
				rest = rest[1:]
			}
		}
		failed = errors.Join(failed, q.spool.close())
	}
	return q.giveUp(rest, failed)
}

// giveUp drops what could neither be sent nor spooled.
func (q *Queue) giveUp(rest []Batch, failed error) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	lost := count(rest)
	for _, b := range rest {
		q.bytes -= b.cost()
	}
	q.stats.Queued -= uint64(lost)
	if lost > 0 {
		q.drop(lost, NotFlushed)
		failed = fmt.Errorf("%d spans lost: %w", lost, cmp.Or(failed, q.err, context.DeadlineExceeded))
	}
	return failed
}
