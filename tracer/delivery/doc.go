// Package delivery stands between finished spans and the place they go to.
//
// Its promises:
//
//   - Never in the way: Add copies a record and returns; it neither blocks nor panics, before, during and after Close.
//   - Bounded: at most Config.QueueBytes are held. Beyond that the newest are dropped and counted.
//   - Retried: what the destination cannot take now is sent again, the same batch, with exponential backoff and jitter.
//   - Flushed: Close sends what is left until its context ends, and says how many records were lost.
package delivery
