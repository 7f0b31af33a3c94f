package delivery

import (
	"cmp"
	"time"
)

// Config sets the limits of a [Queue]. A zero field means the default.
type Config struct {
	// QueueBytes is the maximum size of the spans in memory, including those that are being sent.
	// Each span counts 8 bytes more than its length. The default is 64 MiB.
	QueueBytes int
	// BatchBytes is the maximum size of a batch of two or more spans. A larger span is a batch of
	// its own. A batch that is read from the spool has at most twice the size. The default is
	// 256 KiB.
	BatchBytes int
	// BatchAge is the maximum age of a batch before it is sent. The age counts from its first span.
	// The default is 500 ms. With a spool, BatchAge is at most half of SpoolSync.
	BatchAge time.Duration
	// Senders is the maximum number of batches that are sent at the same time. The default is 8.
	Senders int
	// SendTimeout is the longest time that an attempt may take. An attempt begins with 10 s, or
	// with SendTimeout if that is shorter. After two attempts in a row that did not end in time,
	// the time doubles, up to SendTimeout. The default is 1 minute.
	SendTimeout time.Duration
	// MinBackoff is the backoff before the first retry. It doubles with each further retry of the
	// batch. The default is 100 ms.
	MinBackoff time.Duration
	// MaxBackoff is the longest backoff, and the delay after a [RetryAfterFix] error. The default
	// is 30 s.
	MaxBackoff time.Duration

	// Spool is the folder of the spool. [New] creates it if necessary. If Spool is empty, spans are
	// kept in memory only.
	Spool string
	// SpoolBytes is the maximum size of the spool's files. The default is 1 GiB.
	SpoolBytes int64
	// SpoolSync is the age at which a span that has not been sent is on disk. The default is
	// 100 ms.
	SpoolSync time.Duration
}

func (c Config) withDefaults() Config {
	c.QueueBytes = cmp.Or(c.QueueBytes, 64<<20)
	c.BatchBytes = cmp.Or(c.BatchBytes, 256<<10)
	c.BatchAge = cmp.Or(c.BatchAge, 500*time.Millisecond)
	c.Senders = cmp.Or(c.Senders, 8)
	c.SendTimeout = cmp.Or(c.SendTimeout, time.Minute)
	c.MinBackoff = cmp.Or(c.MinBackoff, 100*time.Millisecond)
	c.MaxBackoff = cmp.Or(c.MaxBackoff, 30*time.Second)
	c.SpoolBytes = cmp.Or(c.SpoolBytes, 1<<30)
	c.SpoolSync = cmp.Or(c.SpoolSync, 100*time.Millisecond)
	if c.Spool != "" {
		// A batch that is sent within the other half of SpoolSync is never written to disk.
		c.BatchAge = min(c.BatchAge, c.SpoolSync/2)
	}
	return c
}
