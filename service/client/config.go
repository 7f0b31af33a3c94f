package client

import (
	"flag"
	"time"

	"bookservice/service/internal/settings"
)

// maxBackoff is the longest delay between two attempts, before jitter.
const maxBackoff = time.Second

// Config is the configuration of a [Client].
type Config struct {
	RetryAttempts int           // maximum attempts of a call, including the first; 1 or more
	RetryTimeout  time.Duration // timeout for all attempts of a call together; more than 0
	// RetryBackoff is the delay before the second attempt: 0 to 1 s. It doubles for each further
	// attempt, up to 1 s. A jitter of ±50 % is added.
	RetryBackoff time.Duration

	BreakerTimeout      time.Duration // timeout for a call with all its attempts; more than 0
	BreakerErrorPercent float64       // failure rate that opens the breaker; 0 < rate ≤ 100
	BreakerMinRequests  int           // minimum calls within the window to open it; 1 or more
	BreakerWindow       time.Duration // time over which calls are counted; 10 ms or more
	BreakerOpen         time.Duration // time until it permits a trial call; more than 0

	MaxConcurrent int // maximum concurrent calls; 1 or more

	Balancing
}

// DefaultConfig returns the default configuration.
func DefaultConfig() Config {
	return Config{
		RetryAttempts:       3,
		RetryTimeout:        100 * time.Second,
		RetryBackoff:        10 * time.Millisecond,
		BreakerTimeout:      30 * time.Second,
		BreakerErrorPercent: 1,
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
		"timeout for all attempts of a call together")
	fs.DurationVar(&c.RetryBackoff, "retry-backoff", c.RetryBackoff,
		"delay before the second attempt, 0s to 1s; doubles for each further one up to 1s; "+
			"with jitter")
	fs.DurationVar(&c.BreakerTimeout, "breaker-timeout", c.BreakerTimeout,
		"timeout for a call with all its attempts")
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
