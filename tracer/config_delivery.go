package tracer

import (
	"flag"
	"fmt"
	"time"
)

// DeliveryConfig bounds what stands between finished spans and each destination that is sent to (zipkin, otlp, file).
type DeliveryConfig struct {
	// QueueBytes is how much is held in memory at most for a destination, 1 MiB or more.
	QueueBytes int
	// Senders is how many requests are made at once under load, 1 to 64.
	Senders int
	// Spool is a folder for what memory has no room for, and for what must survive the process while a destination is
	// down. Empty is none. No two processes may share one.
	Spool string
	// SpoolBytes is how much a spool holds at most for a destination, 1 MiB or more.
	SpoolBytes int64
	// SpoolSync is the time after which what has to be spooled is on disk, 1 ms or more.
	SpoolSync time.Duration
}

func defaultDelivery() DeliveryConfig {
	return DeliveryConfig{QueueBytes: 64 << 20, Senders: 8, SpoolBytes: 1 << 30, SpoolSync: 100 * time.Millisecond}
}

func (d *DeliveryConfig) registerFlags(fs *flag.FlagSet) {
	fs.IntVar(&d.QueueBytes, "queue-bytes", d.QueueBytes, "bytes of spans held in memory for a destination, 1048576 or more")
	fs.IntVar(&d.Senders, "senders", d.Senders, "requests made at once to a destination under load, 1 to 64")
	fs.StringVar(&d.Spool, "spool", d.Spool, "folder for spans that memory has no room for, or must not lose while a destination is down; empty for none")
	fs.Int64Var(&d.SpoolBytes, "spool-bytes", d.SpoolBytes, "bytes of spans held on disk for a destination, 1048576 or more")
	fs.DurationVar(&d.SpoolSync, "spool-sync", d.SpoolSync, "time after which spans that have to be spooled are on disk, 1ms or more")
}

func (d DeliveryConfig) validate() error {
	switch {
	case d.QueueBytes < 1<<20:
		return fmt.Errorf("tracer: queue-bytes %d: must be 1048576 or more", d.QueueBytes)
	case d.Senders < 1 || d.Senders > 64:
		return fmt.Errorf("tracer: senders %d: must be 1 to 64", d.Senders)
	case d.SpoolBytes < 1<<20:
		return fmt.Errorf("tracer: spool-bytes %d: must be 1048576 or more", d.SpoolBytes)
	case d.SpoolSync < time.Millisecond:
		return fmt.Errorf("tracer: spool-sync %v: must be 1ms or more", d.SpoolSync)
	}
	return nil
}
