// Package discovery registers the addresses of servers in etcd and finds them. A server registers
// its address under the name of a service. A client gets the addresses of the service, and each
// later change of them, from a go-kit [sd.Instancer]. Go-kit's endpoints and balancers work with it
// unchanged.
//
// [Open] creates a [Registry] of the kind that [Config] selects:
//
//	etcd    each address is a key in etcd, under a lease
//	static  the addresses are a fixed list; registering has no effect
//
// The key of an instance is <prefix><service>/<address>, or <prefix><address> if the service name
// is empty. The value is the address. Keys of any other shape below the prefix are ignored.
//
// # Registrations
//
//   - A registered key is under a lease of the configured TTL.
//   - The key of a dead server expires with its lease.
//   - A lost registration is restored within two TTLs, whether its lease has expired or was
//     revoked, or its key was deleted or overwritten.
//   - A registration survives a restart of etcd, with or without its data: it is restored within
//     two TTLs after etcd answers again.
//   - Registering again creates no second key.
//   - Registrars of different instances do not affect each other.
//   - Deregister removes the key before it returns, and the key is not restored.
//   - Every call ends with its context, whether or not etcd answers.
//   - Every request to etcd ends after the configured timeout.
//
// # Instancers
//
//   - An instancer is created while etcd is down, and reads the instances once etcd answers.
//   - It follows etcd through a compaction, the loss of a member, and a restart, with or without
//     its data.
//   - The last list stays in use during an outage. The outage is reported once, as an event with an
//     error.
//   - If etcd loses its data, the known instances are kept for a grace period of one TTL, in which
//     the servers register again. An instance that is deleted in the grace period is removed at
//     once.
//   - Lists are sorted, have no duplicates, and belong to the receiver.
//   - A slow subscriber does not delay others. It can miss lists, but never the latest one.
//   - Nothing is sent on a channel after it was deregistered.
//
// Close ends every goroutine of registrars and instancers. All types of this package are safe for
// concurrent use.
//
// # Limits
//
// Two processes must not register the same address for the same service: each would overwrite the
// other's key at every renewal.
//
// A connection that breaks without being closed is detected by a probe, after 10 s or more: see
// [Config.DialKeepAlive].
package discovery
