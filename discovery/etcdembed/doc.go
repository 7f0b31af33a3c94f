// Package etcdembed runs a real etcd inside this process, for a demo and for
// tests that inject faults. It is no place to keep data: members do not wait
// for the disk (no fsync), speak plain text, and listen on the loopback only.
//
// What it promises:
//
//   - Start returns a cluster that answers, or an error before its context is
//     over and then nothing is left running.
//   - A cluster has one member or three, each on free ports of 127.0.0.1 that it
//     keeps across Stop and Restart.
//   - Stop is as abrupt as a crash: open connections are cut, not drained.
//   - Restart keeps the data or starts from nothing, as asked.
//   - Close stops every member and removes the temporary data.
//   - Nothing is written to standard output or standard error.
package etcdembed
