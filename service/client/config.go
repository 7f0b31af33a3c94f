package client

import (
	"flag"
	"fmt"
	"time"
)

// maxBackoff is the longest pause between two attempts, before jitter.
const maxBackoff = time.Second

// Config says how the client deals with faults.
type Config struct {
	RetryAttempts int           // attempts a call has at most, the first included; 1 or more
	RetryTimeout  time.Duration // for all attempts of a call together; above 0
	RetryBackoff  time.Duration // before the second attempt, doubled before each further one up to 1 s; ± 50 % jitter

	BreakerTimeout      time.Duration // for a call with all its attempts; above 0
	BreakerErrorPercent float64       // the share of failed calls at which the breaker opens; above 0, to 100
	BreakerMinRequests  int           // calls in the window below which it does not open; 1 or more
	BreakerWindow       time.Duration // the time over which calls are counted; 10 ms or more
	BreakerOpen         time.Duration // how long it stays open, until one call is let through to try; above 0

	MaxConcurrent int // calls at once; 1 or more
}

// DefaultConfig returns the defaults of the flags.
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
	}
}

// RegisterFlags defines a flag for each setting in fs; what c holds now are their defaults.
func (c *Config) RegisterFlags(fs *flag.FlagSet) {
	fs.IntVar(&c.RetryAttempts, "retry-attempts", c.RetryAttempts, "attempts a call has at most, the first included")
	fs.DurationVar(&c.RetryTimeout, "retry-timeout", c.RetryTimeout, "time for all attempts of a call together")
	fs.DurationVar(&c.RetryBackoff, "retry-backoff", c.RetryBackoff,
		"pause before the second attempt, doubled before each further one up to 1s; with jitter")
	fs.DurationVar(&c.BreakerTimeout, "breaker-timeout", c.BreakerTimeout, "time for a call with all its attempts")
	fs.Float64Var(&c.BreakerErrorPercent, "breaker-error-percent", c.BreakerErrorPercent,
		"percentage of failed calls at which the breaker opens")
	fs.IntVar(&c.BreakerMinRequests, "breaker-min-requests", c.BreakerMinRequests,
		"calls in the window below which the breaker does not open")
	fs.DurationVar(&c.BreakerWindow, "breaker-window", c.BreakerWindow, "time over which the breaker counts calls")
	fs.DurationVar(&c.BreakerOpen, "breaker-open", c.BreakerOpen, "time after which an open breaker tries one call")
	fs.IntVar(&c.MaxConcurrent, "max-concurrent", c.MaxConcurrent, "calls at once")
}

// Validate returns an error that names the first flag that makes no sense, its value and what is allowed.
func (c *Config) Validate() error {
	checks := []struct {
		ok      bool
		flag    string
		value   any
		allowed string
	}{
		{c.RetryAttempts >= 1, "retry-attempts", c.RetryAttempts, "1 or more"},
		{c.RetryTimeout > 0, "retry-timeout", c.RetryTimeout, "above 0"},
		{c.RetryBackoff >= 0 && c.RetryBackoff <= maxBackoff, "retry-backoff", c.RetryBackoff, "0 to 1s"},
		{c.BreakerTimeout > 0, "breaker-timeout", c.BreakerTimeout, "above 0"},
		{c.BreakerErrorPercent > 0 && c.BreakerErrorPercent <= 100, "breaker-error-percent", c.BreakerErrorPercent,
			"above 0, to 100"},
		{c.BreakerMinRequests >= 1, "breaker-min-requests", c.BreakerMinRequests, "1 or more"},
		{c.BreakerWindow >= 10*time.Millisecond, "breaker-window", c.BreakerWindow, "10ms or more"},
		{c.BreakerOpen > 0, "breaker-open", c.BreakerOpen, "above 0"},
		{c.MaxConcurrent >= 1, "max-concurrent", c.MaxConcurrent, "1 or more"},
	}
	for _, check := range checks {
		if !check.ok {
			return fmt.Errorf("-%s %v: must be %s", check.flag, check.value, check.allowed)
		}
	}
	return nil
}

// timeout returns how long a call may take, and the flag that says so. Both limits begin with the call.
func (c *Config) timeout() (time.Duration, string) {
	if c.RetryTimeout < c.BreakerTimeout {
		return c.RetryTimeout, "-retry-timeout"
	}
	return c.BreakerTimeout, "-breaker-timeout"
}
