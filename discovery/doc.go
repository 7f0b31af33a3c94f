// Package discovery brings servers and clients together: a server registers its
// address under the name of a service, and a client learns which addresses that
// service has, now and as they change. Instances are told through go-kit's
// sd.Instancer, so that go-kit's endpointers and balancers work on it unchanged.
//
// Open makes a Registry of the kind that Config names:
//
//	etcd    addresses are keys in etcd, each under a lease
//	static  addresses are a fixed list; registering does nothing
//
// In etcd the key of an instance is <prefix><service>/<address>, or
// <prefix><address> when no service is named because the prefix names it
// already. The value is the address. A key of another shape below the prefix
// is somebody else's and is not looked at.
//
// # What a registration promises
//
//   - A registered key is always under a lease of the configured TTL, so that a
//     server that dies is forgotten within that time.
//   - A lost registration comes back: when its lease has run out or was revoked,
//     or its key was deleted or overwritten, it is there again within two TTLs.
//   - A registration survives a restart of etcd, with or without its data: it is
//     there again within two TTLs of etcd answering.
//   - Registering twice makes no second key; several registrars do not disturb
//     each other.
//   - Deregister removes the key at once, and the key does not come back.
//   - Every call ends with its context, whether etcd answers or not.
//
// # What an instancer promises
//
//   - It is made at once, even while etcd is down, and catches up by itself.
//   - It follows etcd: through a compaction, a restart, the loss of a member, and
//     a restart that lost all data, which leaves an ordinary watch waiting for a
//     revision that is far in the future.
//   - Its last good list stays in use while etcd is down. An outage is told once,
//     as an event with an error.
//   - When etcd comes back empty or without its data, the instances known before
//     are kept for one TTL, in which the servers register again; only then is
//     the new list believed. An instance that is deleted meanwhile goes at once.
//   - Events carry a sorted list without duplicates that belongs to the receiver.
//   - A slow subscriber blocks nobody; it misses intermediate lists, and never
//     the newest one.
//   - Nothing is sent on a channel after its Deregister has returned.
//
// Close ends every goroutine, of registrars and instancers alike. All types of
// this package may be used by several goroutines at the same time.
//
// # Limits
//
// An address belongs to one registrar: two processes that keep the same key
// overwrite each other at every check. How soon a connection is found dead that
// was cut without a word depends on -etcd-keepalive, which gRPC raises to at
// least ten seconds.
package discovery
