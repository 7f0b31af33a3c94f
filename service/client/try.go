package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"

	"bookservice/service/bookendpoint"
	"bookservice/service/bookgrpc"
)

// A try is one attempt of a call, or several if they could not be sent.
type try struct {
	info     bookgrpc.Attempt
	ctx      context.Context
	cancel   context.CancelFunc
	begin    time.Time
	done     chan struct{} // of a hedge: closed when it has ended
	isExtra  bool          // a hedge that does not count
	response any
	err      error
}

// Errors of an attempt that is cancelled because another one has answered, or has failed.
var (
	errOutrun = bookgrpc.WithStatus(codes.Canceled,
		fmt.Errorf("another attempt has answered: %w", context.Canceled))
	errFailed = bookgrpc.WithStatus(codes.Canceled,
		fmt.Errorf("another attempt has failed: %w", context.Canceled))
)

// round makes an attempt, and hedges or replaces it if there is no answer in time. It returns after
// both attempts have ended, so that the call's observer can be called in this goroutine.
func (cl *call) round(now time.Time) (any, error) {
	cl.mu.Lock()
	t := &cl.first
	if cl.made+cl.unsent > 0 {
		t = &try{}
	}
	cl.startLocked(t, now)
	cl.main, cl.hedge, cl.began = t, nil, now
	cl.hedgeAt, cl.replace, cl.recheck = time.Time{}, time.Time{}, time.Time{}
	at := cl.scheduleLocked(now)
	cl.mu.Unlock()

	var w *watch
	if !at.IsZero() {
		w = cl.client.watches.Get().(*watch)
		w.arm(cl, now, at)
	}
	cl.try(t)
	response, err := t.response, t.err
	if w != nil {
		w.disarm()
		if h := cl.hedge; h != nil { // no other goroutine writes it now
			response, err = cl.join(w, h)
		}
		cl.client.watches.Put(w)
	}
	for _, a := range cl.results {
		cl.observe(a)
	}
	cl.results = cl.results[:0]
	return response, err
}

// decides reports whether err ends a call although another attempt is active: it is an answer, or
// an error that all instances would return. An instance that refuses a call, and forbids a further
// attempt, says nothing about one that is active.
func decides(err error) bool {
	return err == nil || bookendpoint.IsBusiness(err) || isFinal(err)
}

// join waits until the hedge h of the attempt cl.main, which has ended, has ended too. It returns
// the first result that is final, or else an error that forbids a further attempt, or the last one.
func (cl *call) join(w *watch, h *try) (any, error) {
	main := cl.main
	if decides(main.err) {
		cl.outrun(h, errOutrun)
		<-h.done
		return main.response, main.err
	}
	if h.isExtra {
		cl.outrun(h, errFailed)
	}
	isFirst := h.hasEnded()
	if !cl.replace.IsZero() {
		w.arm(cl, time.Now(), cl.replace)
	}
	<-h.done
	w.disarm()
	switch {
	case decides(h.err):
		return h.response, h.err
	case !retryable(main.err), h.isExtra, h.free(),
		isFirst && (retryable(h.err) || cl.expired()):
		return main.response, main.err
	}
	return h.response, h.err
}

// hasEnded reports whether a hedge has ended.
func (t *try) hasEnded() bool {
	select {
	case <-t.done:
		return true
	default:
		return false
	}
}

// free reports whether an attempt that has ended does not count, because it could not be sent or
// was not served.
func (t *try) free() bool { return bookgrpc.NotSent(t.err) || bookgrpc.NotServed(t.err) }

// startLocked begins an attempt. The caller must hold cl.mu and call cl.try.
func (cl *call) startLocked(t *try, now time.Time) {
	t.info.Previous = cl.made
	cl.made++
	t.begin = now
	t.ctx, t.cancel = context.WithDeadline(cl.caller, cl.deadline)
}

// scheduleLocked sets the times at which the attempt that begins now may be hedged and replaced,
// and returns the first of them. The caller must hold cl.mu.
func (cl *call) scheduleLocked(now time.Time) time.Time {
	cl.limit = cl.attemptLimit(now)
	if cl.limit > 0 {
		cl.replace = now.Add(cl.limit)
		if cl.isLimitUnknown() && cl.limit > recheckAfter {
			cl.recheck = now.Add(recheckAfter)
		}
	}
	if delay := cl.client.hedge.delay(&cl.latency); delay > 0 && cl.made == 1 {
		cl.hedgeAt = now.Add(delay)
	}
	return cl.nextTime()
}

// nextTime returns the first of hedgeAt, replace and recheck that is set. If none is set, it
// returns the zero time.
func (cl *call) nextTime() time.Time {
	return firstTime(firstTime(cl.hedgeAt, cl.replace), cl.recheck)
}

// firstTime returns the first of two times. The zero time is none.
func firstTime(x, y time.Time) time.Time {
	if x.IsZero() || !y.IsZero() && y.Before(x) {
		return y
	}
	return x
}

// shortenLocked shortens the limit of the active attempt, which began before the latency was known,
// if it is known now. The caller must hold cl.mu.
func (cl *call) shortenLocked(now time.Time) {
	if cl.isLimitUnknown() {
		cl.recheck = now.Add(recheckAfter)
		return
	}
	cl.recheck = time.Time{}
	limit := cl.attemptLimit(cl.began)
	if cl.hedge != nil || limit <= 0 || limit >= cl.limit {
		return
	}
	cl.limit = limit
	if at := cl.began.Add(limit); at.Before(cl.replace) {
		cl.replace = at
	}
}

// try makes the attempt t.
func (cl *call) try(t *try) {
	defer t.cancel()
	t.response, t.err = cl.client.tryNext(bookgrpc.WithAttempt(t.ctx, &t.info), cl)
	answered := t.err == nil || bookendpoint.IsBusiness(t.err)
	now := time.Now()
	if answered {
		cl.client.health.answered(now)
	}
	if answered || errors.Is(t.info.Abandoned(), errOutrun) {
		cl.latency.add(now.Sub(t.begin))
	}
}

// abandon cancels the attempt, which fails with reason unless it has ended.
func (t *try) abandon(reason error) {
	t.info.Abandon(reason)
	t.cancel()
}

// overdue hedges or replaces the active attempts, if another one may follow and the budget permits
// it. It returns the time at which it has to be called again, or the zero time.
func (cl *call) overdue(now time.Time) time.Time {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if !cl.recheck.IsZero() && !now.Before(cl.recheck) {
		cl.shortenLocked(now)
	}
	if !cl.hedgeAt.IsZero() && !now.Before(cl.hedgeAt) {
		cl.hedgeAt = time.Time{}
		if cl.made < cl.client.cfg.RetryAttempts && cl.hasUntried() && cl.mayAddLocked(now) {
			cl.startHedgeLocked(now, false)
		}
	}
	if !cl.replace.IsZero() && !now.Before(cl.replace) {
		if cl.exceededLocked(now) {
			// join must not charge the budget again.
			cl.replace, cl.recheck = time.Time{}, time.Time{}
			return time.Time{}
		}
		cl.replace = now.Add(cl.limit) // the budget can permit it later
	}
	return cl.nextTime()
}

// exceededLocked permits another attempt, if there may be one, after the limit of the active one:
// instead of that, which it reports, or beside it. The caller must hold cl.mu.
func (cl *call) exceededLocked(now time.Time) (replaced bool) {
	// An instance that has been silent for longer than the attempt may hang.
	silence := now.Sub(cl.began)
	isLast := cl.made >= cl.client.cfg.RetryAttempts
	if !isLast && cl.hasLessSilent(silence) {
		if !cl.mayAddLocked(now) {
			return false
		}
		cl.paid = true
		cl.replaceLocked(now)
		return true
	}
	// A replaced attempt can have been merely slow, and so can the active one be. Nothing else
	// follows if that is the last one.
	if !cl.returned && cl.hedge == nil && cl.mayReturn(silence) && cl.mayAddLocked(now) {
		cl.returned = true
		cl.returnTo()
		cl.startHedgeLocked(now, true)
	}
	return false
}

// mayAddLocked reports whether time and budget permit another attempt while one is active, or
// instead of it. If so, the budget has been charged. The caller must hold cl.mu.
func (cl *call) mayAddLocked(now time.Time) bool {
	return cl.deadline.Sub(now) >= cl.needed() && cl.client.budget.take(now)
}

// startHedgeLocked makes an attempt beside cl.main. An extra one does not count: it must not take
// the place of an attempt at a new instance. The caller must hold cl.mu.
func (cl *call) startHedgeLocked(now time.Time, isExtra bool) {
	h := &try{done: make(chan struct{}), isExtra: isExtra}
	h.info.Hedge = true
	cl.startLocked(h, now)
	if isExtra {
		cl.made--
	}
	cl.hedge, cl.hedgeAt = h, time.Time{}
	if !cl.replace.IsZero() {
		cl.replace = now.Add(cl.limit)
	}
	main := cl.main
	go func() {
		defer close(h.done)
		cl.try(h)
		if h.free() {
			cl.uncount(h)
		}
		if decides(h.err) {
			cl.outrun(main, errOutrun)
		}
	}()
}

// uncount undoes that a hedge counts, because it could not be sent or was not served.
func (cl *call) uncount(h *try) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if !h.isExtra {
		cl.made--
		cl.unsent++
	}
	cl.client.budget.giveBack(h.begin)
}

// replaceLocked cancels the active attempts. The caller must hold cl.mu.
func (cl *call) replaceLocked(now time.Time) {
	for _, t := range []*try{cl.main, cl.hedge} {
		if t != nil {
			t.abandon(t.unanswered(now))
		}
	}
}

// outrun cancels an attempt because another one has ended. It has failed if it has exceeded its
// limit.
func (cl *call) outrun(t *try, reason error) {
	now := time.Now()
	cl.mu.Lock()
	limit := cl.limit
	cl.mu.Unlock()
	if limit > 0 && now.Sub(t.begin) >= limit {
		reason = t.unanswered(now)
	}
	t.abandon(reason)
}

// unanswered returns the error of an attempt that is cancelled after its limit.
func (t *try) unanswered(now time.Time) error {
	return bookgrpc.WithStatus(codes.DeadlineExceeded, fmt.Errorf(
		"no response within %v (-attempt-timeout): %w",
		now.Sub(t.begin).Round(time.Millisecond), context.DeadlineExceeded))
}
