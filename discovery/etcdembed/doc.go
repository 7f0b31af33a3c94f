// Package etcdembed runs an etcd cluster inside the current process, for demos and for tests that
// inject faults. It must not be used for data that matters: members do not sync to disk (no fsync),
// do not encrypt, and listen only on the loopback interface.
//
//   - [Start] returns a cluster that answers. If it returns an error, nothing is left running.
//   - A cluster has one member or three. Each has free ports of 127.0.0.1, which stay the same
//     across [Cluster.Stop] and [Cluster.Restart].
//   - Stop closes open connections at once, like a crash.
//   - Restart keeps the data or removes it.
//   - [Cluster.Close] stops all members and removes temporary data.
//   - Nothing is written to standard output or standard error, with one exception: etcd ends the
//     process if it cannot go on, such as on a full disk, and a line on standard error says why.
package etcdembed
