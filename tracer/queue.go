package tracer

import (
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"bookservice/tracer/delivery"
	"bookservice/tracer/internal/settings"
)

// DeliveryConfig bounds the queue between finished spans and each destination. Backends without a
// queue, such as log and memory, ignore it.
type DeliveryConfig struct {
	// QueueBytes is the memory for queued spans of one destination, 1 MiB or more.
	QueueBytes int
	// Senders is the number of concurrent requests under load, 1 to 64.
	Senders int
	// Spool is a folder for spans that memory has no room for, and for spans that must survive the
	// process while a destination is down. Empty disables the spool. Two processes must not share a
	// folder.
	Spool string
	// SpoolBytes is the disk space for spans of one destination, 1 MiB or more.
	SpoolBytes int64
	// SpoolSync is the time after which a span that has not been sent is on disk, 1 ms or more.
	SpoolSync time.Duration
}

func defaultDelivery() DeliveryConfig {
	return DeliveryConfig{
		QueueBytes: 64 << 20, Senders: 8, SpoolBytes: 1 << 30, SpoolSync: 100 * time.Millisecond,
	}
}

func (d *DeliveryConfig) defineFlags(fs *flag.FlagSet) {
	fs.IntVar(&d.QueueBytes, "queue-bytes", d.QueueBytes,
		"memory for queued spans of one destination, in bytes, 1048576 or more")
	fs.IntVar(&d.Senders, "senders", d.Senders,
		"concurrent requests to a destination under load, 1 to 64")
	fs.StringVar(&d.Spool, "spool", d.Spool,
		"folder for spans that memory has no room for or that must survive this process while a "+
			"destination is down; empty for none")
	fs.Int64Var(&d.SpoolBytes, "spool-bytes", d.SpoolBytes,
		"disk space for spooled spans of one destination, in bytes, 1048576 or more")
	fs.DurationVar(&d.SpoolSync, "spool-sync", d.SpoolSync,
		"time after which a span that has not been sent is on disk, with -spool; 1ms or more")
}

func (d *DeliveryConfig) check(flags settings.Prefix) error {
	switch {
	case d.QueueBytes < 1<<20:
		return flags.Invalid("queue-bytes", d.QueueBytes, "must be 1048576 or more")
	case d.Senders < 1 || d.Senders > 64:
		return flags.Invalid("senders", d.Senders, "must be 1 to 64")
	case d.SpoolBytes < 1<<20:
		return flags.Invalid("spool-bytes", d.SpoolBytes, "must be 1048576 or more")
	case d.SpoolSync < time.Millisecond:
		return flags.Invalid("spool-sync", d.SpoolSync, "must be 1ms or more")
	}
	return nil
}

// warnOfOtherSpools logs the folders below dir with spans that no queue of this tracer sends. used
// has the names of those in use.
func warnOfOtherSpools(dir string, used map[string]bool, log *slog.Logger) {
	if dir == "" {
		return
	}
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		if n := delivery.SpoolFiles(path); n > 0 && !used[entry.Name()] {
			log.Warn("spool of another backend or format, its spans are not sent",
				"folder", path, "files", n)
		}
	}
}

// queue returns the settings of one destination's queue. Each has a spool folder of its own.
func (d *DeliveryConfig) queue(spool string) delivery.Config {
	c := delivery.Config{
		QueueBytes: d.QueueBytes, Senders: d.Senders,
		SpoolBytes: d.SpoolBytes, SpoolSync: d.SpoolSync,
	}
	if d.Spool != "" {
		c.Spool = filepath.Join(d.Spool, spool)
	}
	return c
}
