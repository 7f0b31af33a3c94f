package balance

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// Ejection is the configuration of the ejection of outliers, as in gRFC A50. An endpoint is
// ejected if its rate of successes in an interval is StdevFactor standard deviations below the
// mean, or if its percentage of failures is above FailureThreshold. An ejection lasts BaseTime,
// and BaseTime longer each time the endpoint is ejected again, up to MaxTime. For each interval
// without an ejection the next one is shorter again. One endpoint returns at a time, at most one in
// each call of [Balancer.Tick].
type Ejection struct {
	Interval time.Duration
	BaseTime time.Duration
	MaxTime  time.Duration
	// MaxPercent is the largest percentage of the list that is ejected. The default of gRFC A50 is
	// 10: two of ten bad endpoints would stay in use.
	MaxPercent int

	StdevFactor    float64
	SuccessHosts   int    // smallest number of endpoints with enough calls
	SuccessVolume  uint64 // smallest number of calls in an interval
	FailurePercent float64
	FailureHosts   int    // smallest number of endpoints
	FailureVolume  uint64 // smallest number of calls in an interval
}

// DefaultEjection returns the defaults of gRFC A50, except for MaxPercent, which is 50.
func DefaultEjection() *Ejection {
	return &Ejection{
		Interval:       10 * time.Second,
		BaseTime:       30 * time.Second,
		MaxTime:        300 * time.Second,
		MaxPercent:     50,
		StdevFactor:    1.9,
		SuccessHosts:   5,
		SuccessVolume:  100,
		FailurePercent: 85,
		FailureHosts:   5,
		FailureVolume:  50,
	}
}

// duration returns how long an ejection lasts.
func (c *Ejection) duration(multiplier int) time.Duration {
	if c.BaseTime >= c.MaxTime { // its multiple may be no duration
		return c.BaseTime
	}
	return min(c.BaseTime*time.Duration(multiplier), c.MaxTime)
}

// A Change is an ejection or a return.
type Change struct {
	Address string
	Ejected bool          // false for a return
	Reason  string        // of an ejection
	For     time.Duration // of an ejection
}

// An interval is what an endpoint has done in one.
type interval struct {
	endpoint *Endpoint
	calls    uint64
	rate     float64 // of successes, 0 to 1
}

// Tick does what is due at a time: it ejects endpoints once in an interval, lets at most one of
// them return, and updates the median of the latency. It should be called about ten times in an
// interval.
func (b *Balancer) Tick(now time.Duration) []Change {
	b.updateMedian()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ejection == nil {
		return nil
	}
	var changes []Change
	if now-time.Duration(b.swept) >= b.ejection.Interval {
		b.swept = int64(now)
		changes = b.sweep(now)
	}
	if e := b.nextReturn(now); e != nil {
		b.setEjected(e, false)
		b.returns++
		e.since.Store(int64(now))
		e.stats.succeeded()
		changes = append(changes, Change{Address: e.Address})
	}
	if len(changes) > 0 {
		b.settle()
	}
	return changes
}

// sweep ends an interval and ejects outliers.
func (b *Balancer) sweep(now time.Duration) (changes []Change) {
	all := make([]interval, 0, len(b.endpoints))
	for _, e := range b.endpoints {
		successes, failures := e.stats.takeInterval()
		if e.IsAside() {
			continue
		}
		i := interval{endpoint: e, calls: successes + failures}
		if i.calls > 0 {
			i.rate = float64(successes) / float64(i.calls)
		}
		all = append(all, i)
	}
	// If there are more outliers than may be ejected, the worst ones are.
	slices.SortFunc(all, func(x, y interval) int { return cmp.Compare(x.rate, y.rate) })
	least, reason := b.ejection.leastRate(all)
	for _, i := range all {
		why := ""
		switch {
		case i.endpoint.stats.ejected:
			continue
		case i.calls >= b.ejection.SuccessVolume && i.rate < least:
			why = reason
		case len(all) >= b.ejection.FailureHosts && i.calls >= b.ejection.FailureVolume &&
			100*(1-i.rate) > b.ejection.FailurePercent:
			why = fmt.Sprintf("more than %v%% failures", b.ejection.FailurePercent)
		}
		if s := i.endpoint.stats; why == "" || !b.mayEject() {
			s.multiplier = max(0, s.multiplier-1)
			continue
		}
		changes = append(changes, b.eject(i, now, why))
	}
	return changes
}

// leastRate returns the rate of successes below which an endpoint is an outlier, and the reason for
// its ejection. It returns 0 if there are too few calls.
func (c *Ejection) leastRate(all []interval) (least float64, reason string) {
	n, sum, squares := 0, 0.0, 0.0
	for _, i := range all {
		if i.calls >= c.SuccessVolume {
			n++
			sum += i.rate
		}
	}
	if n < max(c.SuccessHosts, 1) {
		return 0, ""
	}
	mean := sum / float64(n)
	for _, i := range all {
		if i.calls >= c.SuccessVolume {
			squares += (i.rate - mean) * (i.rate - mean)
		}
	}
	least = mean - c.StdevFactor*math.Sqrt(squares/float64(n))
	return least, fmt.Sprintf("less than %.1f%% successes, the mean is %.1f%%", 100*least, 100*mean)
}

// mayEject reports whether one more endpoint may be ejected.
func (b *Balancer) mayEject() bool {
	n := len(b.endpoints) - int(b.aside.n.Load())
	return 100*(b.Ejected()+1) <= b.ejection.MaxPercent*n
}

func (b *Balancer) eject(i interval, now time.Duration, why string) Change {
	s := i.endpoint.stats
	s.ejectedAt = int64(now)
	s.multiplier++
	b.setEjected(i.endpoint, true)
	b.ejections++
	return Change{
		Address: i.endpoint.Address, Ejected: true, For: b.ejection.duration(s.multiplier),
		Reason: fmt.Sprintf("%.1f%% of %d calls successful: %s", 100*i.rate, i.calls, why),
	}
}

func (b *Balancer) setEjected(e *Endpoint, ejected bool) {
	b.count(e, -1)
	e.stats.ejected = ejected
	b.count(e, 1)
	if ejected {
		b.ejected.Add(1)
	} else {
		b.ejected.Add(-1)
	}
	b.place(e)
}

// nextReturn returns the endpoint that is due to return and was ejected first, or nil.
func (b *Balancer) nextReturn(now time.Duration) (next *Endpoint) {
	if b.Ejected() == 0 {
		return nil
	}
	for _, e := range b.endpoints {
		s := e.stats
		if !s.ejected ||
			now-time.Duration(s.ejectedAt) <= b.ejection.duration(s.multiplier) {
			continue
		}
		if next == nil || s.ejectedAt < next.stats.ejectedAt {
			next = e
		}
	}
	return next
}
