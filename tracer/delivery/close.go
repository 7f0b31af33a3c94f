package delivery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"time"
)

// After its context has ended, Close waits for other code no longer than this. The times count from
// the end of the context.
const (
	sendOvertime = 200 * time.Millisecond // for the Sends
	diskOvertime = 600 * time.Millisecond // for the spool
	logOvertime  = 800 * time.Millisecond // for the log handler
)

// logTimeout is how long Close waits for the log handler in any case.
const logTimeout = time.Second

// errDiskHangs is the cause of a loss if the disk does not answer.
var errDiskHangs = errors.New("spool: the disk does not answer")

// Close sends the queued spans until ctx ends. The remaining spans are written to the spool, or
// dropped if that is not possible. If spans were dropped since the call, the error has their number
// and wraps the latest error of the spool or the destination.
//
// Close returns at most 800 ms after the end of ctx, even if the SendFunc, the disk or the log
// handler does not return. Spans whose fate is unknown then count as dropped. With a spool, Close
// writes all unsent spans to it when half of the time until the deadline of ctx has passed.
//
// Later calls of Close wait for the first one and return its error. Close waits up to 1 s for a
// slow log handler.
func (q *Queue) Close(ctx context.Context) error {
	q.mu.Lock()
	first := !q.closeCalled
	q.closeCalled = true
	before := maps.Clone(q.stats.DroppedBy)
	if deadline, ok := ctx.Deadline(); ok && first {
		q.spoolAllFrom = time.Now().Add(time.Until(deadline) / 2)
	}
	q.mu.Unlock()
	if first {
		q.close(ctx, before)
	}
	<-q.closed
	select {
	case <-q.reporterDone:
	case <-q.logLate:
	case <-time.After(logTimeout):
	}
	return q.closeErr
}

// close ends all goroutines that do not hang. before is Stats.DroppedBy at the call of Close.
func (q *Queue) close(ctx context.Context, before map[string]uint64) {
	defer context.AfterFunc(ctx, q.stop)()
	close(q.closing)
	q.ageTimer.Stop()
	q.work.Broadcast()
	q.senders.Wait()
	q.cancel()
	q.parkTimer.Stop()
	q.mu.Lock()
	q.sendersEnded = true
	q.readerWork.Signal()
	q.mu.Unlock()
	close(q.sendersDone)
	var diskErr error
	if q.spool != nil {
		select {
		case <-q.diskDone:
		case <-q.diskLate:
			diskErr = errDiskHangs
		}
	}
	q.closeErr = q.finish(before, diskErr)
	close(q.closed)
}

// stop ends the current attempts and prevents further ones. It is called when the context of Close
// ends.
func (q *Queue) stop() {
	q.mu.Lock()
	q.stopped = true
	q.mu.Unlock()
	q.cancel()
	for after, late := range map[time.Duration]chan struct{}{
		sendOvertime: q.sendLate, diskOvertime: q.diskLate, logOvertime: q.logLate,
	} {
		time.AfterFunc(after, func() { close(late) })
	}
	q.work.Broadcast()
	q.returned.Broadcast()
	q.readerWork.Signal()
}

// finish drops the spans that could be neither sent nor spooled. It returns the result of Close.
func (q *Queue) finish(before map[string]uint64, diskErr error) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.final = true
	q.open, q.free, q.waiting, q.loaded, q.parked, q.remaining = Batch{}, nil, nil, nil, nil, nil
	q.bytes = 0
	if lost := q.stats.Queued; lost > 0 {
		q.stats.Queued = 0
		q.drop(int(lost), NotFlushed)
	}
	err := cmp.Or(q.spoolErr, diskErr)
	lost, by := uint64(0), map[string]uint64{}
	for _, reason := range []string{NotFlushed, Refused, TooBig} {
		if n := q.stats.DroppedBy[reason] - before[reason]; n > 0 {
			lost += n
			by[reason] = n
		}
	}
	if lost == 0 {
		return err
	}
	text := fmt.Sprintf("%d spans lost", lost)
	if lost > q.stats.DroppedBy[NotFlushed] {
		text += " (" + Stats{DroppedBy: by}.DropReasons() + ")"
	}
	return fmt.Errorf("%s: %w", text, cmp.Or(err, q.lastErr, context.DeadlineExceeded))
}
