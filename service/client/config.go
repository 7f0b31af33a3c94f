package client

import (
	"flag"
	"math"
	"time"

	"bookservice/service/internal/settings"
)

// maxBackoff is the longest delay between two attempts, before jitter.
const maxBackoff = time.Second

// Config is the configuration of a [Client].
type Config struct {
	// RetryAttempts is the maximum number of attempts of a call, including the first: 1 or more.
	// Attempts that could not be sent, or were not served, and the extra one of AttemptTimeout are
	// not counted.
	RetryAttempts int
	RetryTimeout  time.Duration // timeout for all attempts of a call together; more than 0
	// RetryBackoff is the delay before the second attempt: 0 to 1 s. It doubles for each further
	// attempt, up to 1 s. A jitter of ±50 % is added.
	RetryBackoff time.Duration

	// RetryBudget limits the retries and hedges to a percentage of the calls of the last 10 s: 0 or
	// more. Three in 10 s are always permitted. Attempts that could not be sent are not counted,
	// nor those at an instance that does not serve the method.
	RetryBudget float64
	// AttemptTimeout is the time after which an attempt without an answer is replaced by one at
	// another instance: 0 or more. 0 derives it from the answers of the method: 4 times the 99th
	// percentile, at least 40 ms, or 1 s until there are 20 answers. It is shorter if less than
	// that is left for each of the call's attempts, but not less than twice the 99th percentile.
	//
	// An attempt is replaced only if another one may follow: there is an instance that the call has
	// not tried and that answers, RetryAttempts and RetryBudget permit it, and enough time is left.
	// Otherwise the attempt goes on, at most to the call's deadline. If it is the last one, or the
	// call has tried all instances, one extra attempt is made beside it, at another instance. A
	// further attempt is not begun if less than the fastest recent answer, and at least 1 ms, is
	// left.
	AttemptTimeout time.Duration
	// Hedge is the time after which an attempt without an answer is hedged: a second attempt is
	// made at another instance, the first answer is used, and the other attempt is cancelled. It is
	// a duration, "0" for never, or "p95": the 95th percentile of the method's answers. A call has
	// at most one hedge, which counts as an attempt and for RetryBudget. All methods of the
	// service are read-only, so all are hedged.
	Hedge string

	// The circuit breaker is for a service that fails as a whole: it stops all calls, and the
	// servers can recover. It counts calls after their retries. One bad instance does not open
	// the breaker. A failed call is not counted if it has not tried all instances because its retry
	// exceeds RetryBudget, and another call was answered, or an instance connected for the first
	// time, since one second before the call. Neither is a failed call counted while instances are
	// connecting for the first time; without an answer, this holds for 5 s.

	BreakerTimeout      time.Duration // timeout for a call with all its attempts; more than 0
	BreakerErrorPercent float64       // failure rate that opens the breaker; 0 < rate ≤ 100
	BreakerMinRequests  int           // minimum calls within the window to open it; 1 or more
	BreakerWindow       time.Duration // time over which calls are counted; 10 ms or more
	BreakerOpen         time.Duration // time until it permits a trial call; more than 0

	MaxConcurrent int // maximum concurrent calls; 1 or more

	Balancing
}

// DefaultConfig returns the default configuration. The breaker opens at 50 %: a breaker for all
// instances that opens at 1 % stops all calls for 10 s if one of 100 requests has a fault of its
// own, such as a book that cannot be read.
func DefaultConfig() Config {
	return Config{
		RetryAttempts:       3,
		RetryTimeout:        100 * time.Second,
		RetryBackoff:        10 * time.Millisecond,
		RetryBudget:         20,
		Hedge:               "0",
		BreakerTimeout:      30 * time.Second,
		BreakerErrorPercent: 50,
		BreakerMinRequests:  5,
		BreakerWindow:       10 * time.Second,
		BreakerOpen:         10 * time.Second,
		MaxConcurrent:       1000,
		Balancing:           defaultBalancing(),
	}
}

// RegisterFlags defines a flag in fs for each setting. The values in c are the defaults. If fs
// already has one of the flags, RegisterFlags defines none and returns an error that names it.
func (c *Config) RegisterFlags(fs *flag.FlagSet) error {
	return settings.RegisterFlags(fs, c.defineFlags)
}

func (c *Config) defineFlags(fs *flag.FlagSet) {
	fs.IntVar(&c.RetryAttempts, "retry-attempts", c.RetryAttempts,
		"largest number of attempts of a call, including the first, 1 or more")
	fs.DurationVar(&c.RetryTimeout, "retry-timeout", c.RetryTimeout,
		"the limit of -breaker-timeout under another name; the shorter one applies")
	fs.DurationVar(&c.RetryBackoff, "retry-backoff", c.RetryBackoff,
		"delay before the second attempt, 0s to 1s; doubles for each further one up to 1s; "+
			"with jitter")
	fs.Float64Var(&c.RetryBudget, "retry-budget", c.RetryBudget,
		"largest number of retries and hedges as a percentage of the calls of the last 10s; "+
			"3 in 10s are always permitted")
	fs.DurationVar(&c.AttemptTimeout, "attempt-timeout", c.AttemptTimeout,
		"time after which an attempt is replaced by one at another instance, if retries "+
			"permit; 0s: 4 times the 99th percentile of recent answers, at least 40ms")
	fs.StringVar(&c.Hedge, "hedge", c.Hedge,
		"time after which a second attempt is made at another instance beside the first: "+
			"a duration, 0 for never, or p95 for the 95th percentile of recent answers")
	fs.DurationVar(&c.BreakerTimeout, "breaker-timeout", c.BreakerTimeout,
		"time limit of a call with all its attempts")
	fs.Float64Var(&c.BreakerErrorPercent, "breaker-error-percent", c.BreakerErrorPercent,
		"percentage of failed calls that opens the circuit breaker: more than 0, "+
			"at most 100")
	fs.IntVar(&c.BreakerMinRequests, "breaker-min-requests", c.BreakerMinRequests,
		"smallest number of calls within -breaker-window that can open the circuit breaker, "+
			"1 or more")
	fs.DurationVar(&c.BreakerWindow, "breaker-window", c.BreakerWindow,
		"time over which the circuit breaker counts calls, 10ms or more")
	fs.DurationVar(&c.BreakerOpen, "breaker-open", c.BreakerOpen,
		"time until an open circuit breaker permits a trial call")
	fs.IntVar(&c.MaxConcurrent, "max-concurrent", c.MaxConcurrent,
		"largest number of concurrent calls, 1 or more")
	c.Balancing.defineFlags(fs)
}

// Validate returns an error for the first setting that is not valid. The error contains the flag,
// its value and the values that are allowed. Its method Setting() string returns the flag's name
// without the dash.
func (c *Config) Validate() error {
	checks := []check{
		{c.RetryAttempts >= 1, "retry-attempts", c.RetryAttempts, "1 or more"},
		{c.RetryTimeout > 0, "retry-timeout", c.RetryTimeout, "more than 0"},
		{c.RetryBackoff >= 0 && c.RetryBackoff <= maxBackoff, "retry-backoff", c.RetryBackoff,
			"from 0 to 1s"},
		{c.RetryBudget >= 0 && !math.IsInf(c.RetryBudget, 0), "retry-budget", c.RetryBudget,
			"0 or more"},
		{c.AttemptTimeout >= 0, "attempt-timeout", c.AttemptTimeout, "0 or more"},
		{c.hedgePolicy().valid, "hedge", c.Hedge, "0, a duration or p95"},
		{c.BreakerTimeout > 0, "breaker-timeout", c.BreakerTimeout, "more than 0"},
		{c.BreakerErrorPercent > 0 && c.BreakerErrorPercent <= 100, "breaker-error-percent",
			c.BreakerErrorPercent, "more than 0 and at most 100"},
		{c.BreakerMinRequests >= 1, "breaker-min-requests", c.BreakerMinRequests, "1 or more"},
		{c.BreakerWindow >= 10*time.Millisecond, "breaker-window", c.BreakerWindow, "10ms or more"},
		{c.BreakerOpen > 0, "breaker-open", c.BreakerOpen, "more than 0"},
		{c.MaxConcurrent >= 1, "max-concurrent", c.MaxConcurrent, "1 or more"},
	}
	for _, check := range append(checks, c.checks()...) {
		if !check.ok {
			return settings.NewError(check.flag, check.value, check.allowed)
		}
	}
	return nil
}

// timeout returns the time limit of a call and the flag that sets it. Both timeouts begin with the
// call, so the shorter one applies.
func (c *Config) timeout() (limit time.Duration, flag string) {
	if c.RetryTimeout < c.BreakerTimeout {
		return c.RetryTimeout, "-retry-timeout"
	}
	return c.BreakerTimeout, "-breaker-timeout"
}

// A hedgePolicy is the value of Config.Hedge.
type hedgePolicy struct {
	valid bool
	p95   bool
	after time.Duration // 0: never
}

func (c *Config) hedgePolicy() hedgePolicy {
	if c.Hedge == "p95" {
		return hedgePolicy{valid: true, p95: true}
	}
	after, err := time.ParseDuration(c.Hedge)
	return hedgePolicy{valid: err == nil && after >= 0, after: after}
}

// delay returns the time after which an attempt is hedged, or 0 if it is not.
func (h hedgePolicy) delay(l *latencies) time.Duration {
	if h.p95 {
		return time.Duration(l.p95.Load())
	}
	return h.after
}
