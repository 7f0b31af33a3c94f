// Package delivery stands between finished spans and the place they go to. A span is a record here, bytes that the
// destination understands.
//
// Its promises, each with a test of its name:
//
//   - Never in the way: Add copies a record and returns; it neither blocks nor panics, before, during and after Close,
//     whatever the destination, the disk and the log are doing.
//   - Bounded: at most Config.QueueBytes are held in memory, what is being sent included. Beyond that the newest are
//     dropped, and counted by reason; a line says how many and why, every 10 s at most and once more at the end. With a
//     spool, none are dropped before that is full too, unless they come faster than the disk takes them.
//   - Retried: what the destination cannot take now is sent again, the same batch, with exponential backoff and jitter, or
//     when the destination has asked for it. A batch that is too large is split; one that is malformed is halved until
//     only the bad record is dropped. A mistake in the configuration costs nothing but time: it is logged once, and tried
//     again slowly.
//   - Durable, with a spool: what was added Config.SpoolSync ago has arrived or is on disk, but for the time that a write
//     takes. A process that is killed loses no more than what is younger; the next one sends what is on disk first, exactly
//     as it was. A damaged file costs the damaged records, a full disk means that memory has to do, and both are said. Two
//     processes never share a spool.
//   - Flushed: Close sends what it can until its context ends, spools the rest, and returns an error that says how many
//     records were lost by that. A backoff that is under way is cut short.
//   - Seen: Stats counts, and Added = Sent + Queued + Spooled + Dropped holds at every moment.
//   - Fair: a queue has nothing in common with another.
//
// Records arrive in about the order in which they were added, not exactly: several batches are sent at once. A record may
// arrive twice, when the destination took it and its answer was lost, or when the process was killed meanwhile.
//
// # The spool
//
// It is a folder of files of about Config.BatchBytes, each a row of records behind their length and checksum, and is locked
// by a file in it. A file is removed when all of it has arrived, and is never changed before that but by appending to the
// newest.
//
// It is no log of a library because none keeps the promise above. tidwall/wal 1.2.1 does not open a log whose last entry is
// cut short, returns an entry with a flipped bit as if it were whole, cannot read what is behind a damaged length in the
// same segment, and lets two processes write at once; bbolt 1.5.0 panics at a file that is cut short or has a damaged page,
// and returns flipped bits too. What there is to do around either is all that this package does alone: frames with a
// checksum, a search for the next whole one, files that are given up one by one. The lock is a library's, gofrs/flock.
package delivery
