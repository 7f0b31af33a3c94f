package bookendpoint

import (
	"flag"
	"time"

	"bookservice/service/internal/settings"
)

// Values of [Config.RateMode]: how the server treats a call that exceeds the rate limit.
const (
	RateDelay  = "delay"  // delay it until the limit allows it; see [ErrTooLate] and [ErrLimited]
	RateReject = "reject" // reject it with [ErrLimited]
	RateOff    = "off"    // no rate limit
)

// Config is the configuration of the guards. The rate limit is a token bucket: it holds up to
// RateBurst tokens, gains one token every RateEvery, and each call takes one.
type Config struct {
	RateEvery time.Duration // more than 0
	RateBurst int           // 1 or more
	RateMode  string        // RateDelay, RateReject or RateOff
	RateQueue int           // calls delayed at the same time, 0 or more; of RateDelay
}

// DefaultConfig returns the default configuration: no rate limit. A limit that is enabled by
// RateMode alone allows 100,000 calls at once and one more every second; it delays up to 1,000
// calls.
func DefaultConfig() Config {
	return Config{RateEvery: time.Second, RateBurst: 100000, RateMode: RateOff, RateQueue: 1000}
}

// RegisterFlags defines a flag in fs for each setting. The values in c are the defaults. If fs
// already has one of the flags, RegisterFlags defines none and returns an error that names it.
func (c *Config) RegisterFlags(fs *flag.FlagSet) error {
	return settings.RegisterFlags(fs, c.defineFlags)
}

func (c *Config) defineFlags(fs *flag.FlagSet) {
	fs.DurationVar(&c.RateEvery, "rate-every", c.RateEvery,
		"rate limit: interval at which one more call is allowed")
	fs.IntVar(&c.RateBurst, "rate-burst", c.RateBurst,
		"rate limit: calls allowed in a burst, 1 or more")
	fs.StringVar(&c.RateMode, "rate-mode", c.RateMode,
		"what to do with calls over the rate limit: delay, reject, or off for no limit")
	fs.IntVar(&c.RateQueue, "rate-queue", c.RateQueue,
		"rate limit: calls delayed at the same time; further ones are rejected")
}

// Validate returns an error for the first setting that is not valid. The error contains the flag,
// its value and the values that are allowed. Its method Setting() string returns the flag's name
// without the dash.
func (c *Config) Validate() error {
	if c.RateEvery <= 0 {
		return settings.NewError("rate-every", c.RateEvery, "more than 0")
	}
	if c.RateBurst < 1 {
		return settings.NewError("rate-burst", c.RateBurst, "1 or more")
	}
	if c.RateQueue < 0 {
		return settings.NewError("rate-queue", c.RateQueue, "0 or more")
	}
	switch c.RateMode {
	case RateDelay, RateReject, RateOff:
		return nil
	}
	return settings.NewError("rate-mode", c.RateMode, "one of delay, reject, off")
}
