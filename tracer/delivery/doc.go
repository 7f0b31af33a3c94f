// Package delivery stands between finished spans and the place they go to. A span is a record here, bytes that the
// destination understands.
//
// Its promises, each with a test of its name:
//
//   - Never in the way: Add copies a record and returns; it neither blocks nor panics, before, during and after Close.
//   - Bounded: at most Config.QueueBytes are held in memory, what is being sent included. Beyond that the newest are
//     dropped, and counted by reason; a warning says so every 10 s at most. With a spool, none are dropped before that is
//     full too.
//   - Retried: what the destination cannot take now is sent again, the same batch, with exponential backoff and jitter, or
//     when the destination has asked for it. A batch that is too large is split; one that is malformed is halved until
//     only the bad record is dropped. A mistake in the configuration costs nothing but time: it is logged once, and tried
//     again slowly.
//   - Durable, with a spool: when an attempt fails, what is queued goes to disk, and what comes from then on within
//     Config.SpoolSync, until the destination has taken it all. A process that is killed loses no more than that; the
//     next one sends what is on disk first, exactly as it was. A damaged file costs the damaged records, a full disk
//     means that memory has to do, and both are said. Two processes never share a spool.
//   - Flushed: Close sends what it can until its context ends, spools the rest, and returns an error that says how many
//     records were lost.
//   - Seen: Stats counts, and Added = Sent + Queued + Spooled + Dropped holds at every moment.
//
// Records arrive in about the order in which they were added, not exactly: several batches are sent at once. A record may
// arrive twice, when the destination took it and its answer was lost, or when the process was killed meanwhile.
//
// # The spool
//
// It is a folder of files, one a batch, each a row of records behind their length and checksum, and is locked by a file in
// it. It is no log of a library because none survives what it has to: one refuses to open a log whose end is damaged,
// another maps its file and dies when that is truncated. Here a reader that meets damage goes on at the next record whose
// checksum is right.
package delivery
