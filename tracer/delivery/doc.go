// Package delivery queues encoded spans and sends them in batches to a destination.
//
// An encoded span is a byte slice in the format of the destination. The queue does not interpret
// it. [New] starts a [Queue], [Queue.Add] adds a span, and a [SendFunc] sends each [Batch].
//
// The package makes the promises below. The tests of a promise have its name: TestNonBlocking,
// TestBounded and so on.
//
//   - Non-blocking: [Queue.Add] copies the span and returns. It neither waits nor panics, before,
//     during and after [Queue.Close], whatever the state of destination, disk and log handler.
//   - Bounded: The spans in memory, including those that are being sent, take at most
//     Config.QueueBytes. Without room, new spans are dropped and counted by reason. The number and
//     the reasons are logged at most every 10 s, and once more by Close. With a spool, spans are
//     dropped only if the spool is full too, or if they are added faster than the disk writes them.
//   - Retried: A failed batch is sent again, with exponential backoff and jitter, or when the
//     destination requests it. An attempt that does not end within its time is abandoned and
//     counted, and its batch is sent again. After two such attempts in a row, the time of an
//     attempt doubles, up to Config.SendTimeout. After an error of the configuration, the spans are
//     kept and sent again every Config.MaxBackoff.
//   - Retried in parts: A batch that is refused is halved until only the malformed spans are
//     dropped. One of 1,000 spans costs at most 25 attempts. A span is dropped only if the
//     destination accepted other spans after it refused this one. A destination that refuses
//     everything is an error of the configuration.
//   - Durable (with a spool): Config.SpoolSync after it was added, a span has been sent or is on
//     disk. Only the duration of a disk write can add to that time. Spans on disk survive a killed
//     process and a power failure. The next process sends them first, unchanged. Damage in a file
//     loses only the damaged spans. If the disk is full, spans stay in memory. Both are logged. Two
//     processes never use the same spool.
//   - Flushed: Close sends the queued spans until its context ends and spools the rest. It does not
//     wait for a backoff that began before it. It returns at most 800 ms after its context has
//     ended, even if the destination, the disk or the log handler never returns. Its error has the
//     number of lost spans by reason.
//   - Counted: [Queue.Stats] counts spans by state. Added = Sent + Queued + Spooled + Dropped holds
//     at every moment. [SpoolDamaged] describes how damage is counted.
//   - Reported: A problem is logged at once, and then at most every 10 s. Problems of different
//     kinds do not silence each other.
//   - Isolated: Queues share no state. A slow destination does not affect another queue. A slow
//     disk does not affect the destination: no attempt waits for the spool. After 1 s, the slow
//     disk is logged.
//
// Spans arrive approximately in the order of Add, because several batches are sent at the same
// time. A span may arrive twice: if the destination accepted it and the response was lost, if the
// process was killed or the power failed, after a disk error, or if an abandoned attempt succeeds
// late.
//
// # The spool
//
// The spool is a folder of files of about Config.BatchBytes. Each file is a sequence of spans, each
// preceded by its length and a checksum. Spans are only appended, and only to the newest file. A
// file is removed when all its spans have been sent or dropped. A file that cannot be read is kept
// for the next process. A lock file prevents two processes from using the folder. A file that is
// not a regular file of the process's user, such as a FIFO or a link, is not opened. It is logged.
//
// The format is the package's own because the libraries that were tested lose data after damage.
// tidwall/wal 1.2.1 does not open a log with a truncated last entry, returns entries with flipped
// bits, cannot read past a damaged length, and lets two processes write to one log. bbolt 1.5.0
// panics on truncated files and damaged pages, and returns flipped bits. The lock is gofrs/flock.
package delivery
