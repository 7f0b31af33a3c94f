package delivery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// logTimeout is how long Close waits for the log handler.
const logTimeout = time.Second

// Close sends the queued spans until ctx ends. The remaining spans are written to the spool, or
// dropped if that is not possible. If spans were dropped, the error has their number and wraps the
// latest error of the spool or the destination.
//
// Later calls of Close wait for the first one and return its error. Close waits up to 1 s for a
// slow log handler.
func (q *Queue) Close(ctx context.Context) error {
	q.mu.Lock()
	first := !q.closeCalled
	q.closeCalled = true
	q.mu.Unlock()
	if first {
		q.close(ctx)
	}
	<-q.closed
	select {
	case <-q.reporterDone:
	case <-time.After(logTimeout):
	}
	return q.closeErr
}

func (q *Queue) close(ctx context.Context) {
	q.ageTimer.Stop()
	close(q.closing)
	q.work.Broadcast()
	release := context.AfterFunc(ctx, q.stop)
	q.senders.Wait()
	release()
	q.cancel()
	close(q.sendersDone)
	q.spooler.Wait()
	q.closeErr = q.spoolRemaining()
	close(q.closed)
}

// stop ends the current attempts and prevents further ones.
func (q *Queue) stop() {
	q.mu.Lock()
	q.stopped = true
	q.mu.Unlock()
	q.cancel()
	q.work.Broadcast()
}

// spoolRemaining writes the remaining batches to the spool and drops the rest. The senders and the
// spooler must have ended.
func (q *Queue) spoolRemaining() error {
	q.mu.Lock()
	q.seal()
	rest := q.sealed
	q.sealed, q.free = nil, nil
	q.mu.Unlock()
	var err error
	if q.spool != nil {
		for len(rest) > 0 && err == nil {
			if err = q.spool.append(rest[0], q.markSpooled); err == nil {
				rest = rest[1:]
			}
		}
		err = errors.Join(err, q.spool.close())
	}
	return q.dropRemaining(rest, err)
}

// dropRemaining drops the batches that could be neither sent nor spooled. err is the error of the
// spool.
func (q *Queue) dropRemaining(rest []Batch, err error) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	lost := countSpans(rest)
	for _, b := range rest {
		q.bytes -= b.cost()
	}
	q.stats.Queued -= uint64(lost)
	if lost > 0 {
		q.drop(lost, NotFlushed)
		cause := cmp.Or(err, q.lastErr, context.DeadlineExceeded)
		err = fmt.Errorf("%d spans lost: %w", lost, cause)
	}
	return err
}
