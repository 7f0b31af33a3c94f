package bookendpoint

import (
	"flag"
	"fmt"
	"time"
)

// What becomes of a call when the rate limit is reached.
const (
	RateDelay  = "delay"  // it waits for its turn, as long as its deadline allows
	RateReject = "reject" // it ends with [ErrLimited]
	RateOff    = "off"    // there is no limit
)

// Config is the guards' configuration. The rate limit is a token bucket: RateBurst calls may come at once, and one more
// every RateEvery.
type Config struct {
	RateEvery time.Duration // above 0
	RateBurst int           // 1 or more
	RateMode  string        // RateDelay, RateReject or RateOff
}

// DefaultConfig returns the defaults of the flags: a limit that delays, and that nobody reaches in ordinary use.
func DefaultConfig() Config {
	return Config{RateEvery: time.Second, RateBurst: 100000, RateMode: RateDelay}
}

// RegisterFlags defines a flag for each setting in fs; what c holds now are their defaults.
func (c *Config) RegisterFlags(fs *flag.FlagSet) {
	fs.DurationVar(&c.RateEvery, "rate-every", c.RateEvery, "rate limit: the time after which one more call is allowed")
	fs.IntVar(&c.RateBurst, "rate-burst", c.RateBurst, "rate limit: how many calls may come at once")
	fs.StringVar(&c.RateMode, "rate-mode", c.RateMode, "rate limit: delay, reject or off")
}

// Validate returns an error that names the first flag that makes no sense, its value and what is allowed.
func (c *Config) Validate() error {
	if c.RateEvery <= 0 {
		return fmt.Errorf("-rate-every %v: must be above 0", c.RateEvery)
	}
	if c.RateBurst < 1 {
		return fmt.Errorf("-rate-burst %d: must be 1 or more", c.RateBurst)
	}
	switch c.RateMode {
	case RateDelay, RateReject, RateOff:
		return nil
	}
	return fmt.Errorf("-rate-mode %q: must be delay, reject or off", c.RateMode)
}
