package bookendpoint

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"bookservice/service/internal/kitlog"
)

// reportInterval is the minimum time between two lines about the rate limit.
const reportInterval = 10 * time.Second

// A report counts what a rate limit does, and logs it.
type report struct {
	logger *slog.Logger

	mu     sync.Mutex
	total  RateStats
	logged RateStats // the counts of the last line
	active bool      // a line was logged, and a timer is going to log the next one
}

func newReport(c Config, logger *slog.Logger) *report {
	return &report{logger: kitlog.OrDiscard(logger).With(
		"mode", c.RateMode, "every", c.RateEvery.String(), "burst", c.RateBurst)}
}

func (r *report) stats(waiting int) RateStats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.total
	s.Waiting = waiting
	return s
}

// add counts a call that exceeds the limit. err is nil if the call is delayed.
func (r *report) add(ctx context.Context, err error) {
	r.mu.Lock()
	switch {
	case err == nil:
		r.total.Delayed++
	case errors.Is(err, ErrLimited):
		r.total.Rejected++
	case errors.Is(err, ErrTooLate):
		r.total.TooLate++
	default: // the call was cancelled before
		r.mu.Unlock()
		return
	}
	first := !r.active
	r.active = true
	r.mu.Unlock()
	if first {
		r.line(ctx)
	}
}

func (r *report) addLeft() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.total.Left++
}

// line logs the counts since the last line, if there are any, and does so again after the interval.
func (r *report) line(ctx context.Context) {
	if r.log(ctx, true) {
		time.AfterFunc(reportInterval, func() { r.line(context.Background()) })
	}
}

// log logs the counts since the last line. It reports false if there are none. again is whether the
// caller calls it again if it reports true.
func (r *report) log(ctx context.Context, again bool) bool {
	r.mu.Lock()
	now, before := r.total, r.logged
	r.logged = now
	delayed, rejected := now.Delayed-before.Delayed, now.Rejected-before.Rejected
	late := now.TooLate - before.TooLate
	exceeded := delayed+rejected+late > 0
	if again {
		r.active = exceeded
	}
	r.mu.Unlock()
	if exceeded {
		r.logger.WarnContext(ctx, "rate limit exceeded",
			"delayed", delayed, "rejected", rejected, "too_late", late)
	}
	return exceeded
}
