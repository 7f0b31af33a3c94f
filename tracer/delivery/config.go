package delivery

import (
	"cmp"
	"time"
)

// Config bounds a queue. Zero fields take the default.
type Config struct {
	QueueBytes int           // held in memory at most, 8 for each record included; default 64 MiB
	BatchBytes int           // a batch has at most as many, or a single record; default 256 KiB
	BatchAge   time.Duration // a batch is sent when its first record is as old, if it is not full before; default 500 ms
	Senders    int           // batches that are sent at once, default 8
	MinBackoff time.Duration // before the first retry, default 100 ms
	MaxBackoff time.Duration // between retries, default 30 s; and between those of a mistake in the configuration

	Spool      string        // folder for what memory has no room for, or must not lose; none when empty
	SpoolBytes int64         // on disk at most, default 1 GiB
	SpoolSync  time.Duration // what has not arrived after this time is on disk, default 100 ms; BatchAge is at most half of it
}

func (c Config) withDefaults() Config {
	c.QueueBytes = cmp.Or(c.QueueBytes, 64<<20)
	c.BatchBytes = cmp.Or(c.BatchBytes, 256<<10)
	c.BatchAge = cmp.Or(c.BatchAge, 500*time.Millisecond)
	c.Senders = cmp.Or(c.Senders, 8)
	c.MinBackoff = cmp.Or(c.MinBackoff, 100*time.Millisecond)
	c.MaxBackoff = cmp.Or(c.MaxBackoff, 30*time.Second)
	c.SpoolBytes = cmp.Or(c.SpoolBytes, 1<<30)
	c.SpoolSync = cmp.Or(c.SpoolSync, 100*time.Millisecond)
	if c.Spool != "" {
		// A batch that is sent at once has the other half to arrive in, and then costs the disk nothing.
		c.BatchAge = min(c.BatchAge, c.SpoolSync/2)
	}
	return c
}
