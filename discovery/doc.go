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
// is empty. The value is the address or, with metadata, JSON. Keys with a further slash below the
// prefix are ignored. Values that are no address are skipped, counted and logged. With
// [FormatAuto], the values of other registries are read as well:
//
//	gRPC's naming/endpoints  any key              {"Addr": "host:port", "Metadata": …}
//	kratos                   /microservices/NAME  {"endpoints": ["grpc://host:port"], …}
//	go-zero                  NAME/LEASE           host:port
//	kitex                    kitex/registry-etcd  {"address": "host:port", "weight": 10, …}
//
// # Registrations
//
//   - A registered key is under a lease of the configured TTL.
//   - The key of a dead server expires with its lease.
//   - A lost registration is restored within two TTLs, whether its lease has expired or was
//     revoked, or its key was deleted or overwritten.
//   - A process with less than 16 registrations watches its keys, and restores a lost one at once.
//   - A registration survives a restart of etcd, with or without its data: it is restored within
//     two TTLs after etcd answers again.
//   - A key under the lease of another process is reported and left alone until that lease ends. A
//     call of Register takes it over once.
//   - A registration is logged as lost if a check has found its key or its lease gone, or the key
//     under the lease of another process. If etcd does not answer, it is logged as not confirmed.
//   - Registering again creates no second key.
//   - Registrars of different instances do not affect each other.
//   - Deregister removes the key before it returns, and the key is not restored. The key of another
//     process stays.
//   - Register tries as long as its context lasts, or in the background: see [Config.Register].
//   - Every call ends with its context, whether or not etcd answers.
//   - Every request to etcd ends after the configured timeout.
//
// # Connections
//
// A registry uses one connection, to one member of etcd. A request that is not answered within an
// eighth of the TTL (400 ms or more) closes the connection, and the next attempt goes to the next
// member on a new connection. The limit is up to four times as long while etcd sends something, and
// doubles while no member answers, so that a slow etcd is reached. With an instancer, a small
// request is sent whenever etcd has sent nothing for a sixth of the TTL. So a member that hangs, or
// a connection that a firewall has forgotten, costs no registration, and a list is at most a third
// of the TTL behind; [Registry.Status] has its age.
//
// # Instancers
//
//   - An instancer is created while etcd is down, and reads the instances once etcd answers.
//     [Config.Instances] is its list until then.
//   - It follows etcd through a compaction, the loss of a member, and a restart, with or without
//     its data.
//   - The last list stays in use during an outage. The outage is reported once, as an event with an
//     error. If it is logged as well, the error wraps one with a method Logged() bool that returns
//     true, so that a receiver that uses the same log need not repeat it.
//   - An instance that deregisters is removed at once, and one whose server dies when its lease
//     expires.
//   - If etcd loses its data, the known instances are kept for a grace period of one TTL, in which
//     the servers register again. Each that returns extends the grace period of the others. An
//     instance that is deleted in the grace period is removed at once.
//   - Instances whose leases expire are kept in the same way if most vanish within one TTL, or any
//     within one TTL after a silence of etcd: most likely their servers could not reach etcd. If
//     none is left, they are kept until the first one returns, for ten TTLs at most.
//   - Lists are sorted, have no duplicates, and belong to the receiver.
//   - A slow subscriber does not delay others. It can miss lists, but never the latest one.
//   - Nothing is sent on a channel after it was deregistered.
//
// [Registrar.Deregister] writes the key again before it removes it, which tells instancers that the
// lease has not expired. Other programs see the same value twice.
//
// Close ends every goroutine of registrars and instancers. All types of this package are safe for
// concurrent use.
//
// # Limits
//
// Two processes must not register the same address for the same service: the one that registers
// last gets the key.
//
// A process with 16 registrations or more does not watch its keys: that one was deleted, while its
// lease exists, is noticed after up to one TTL.
//
// An instance of another registry that leaves looks like one whose lease has expired. If most of
// them leave at once, they are listed for one TTL more, or for ten if none is left.
//
// Every client holds the whole list, and etcd sends each change to every client. On a machine of
// 2026, one change of a list costs a client 20 µs and 16 kB at 1,000 instances, 0.2 ms and 160 kB
// at 10,000, and 2 ms or more and 1.6 MB at 100,000 (BenchmarkOneOfManyChanges). A restart of one
// instance makes three changes of about 100 bytes: when all of 10,000 restart, etcd sends 30 GB to
// 10,000 clients. Then run etcd's gRPC proxy in front of the clients, which sends etcd one watch
// for all of them, and set [Config.Subset], so that a client connects to some of the servers only.
// Behind the proxy, the age in [Registry.Status] is that of what the proxy has sent.
//
// A renewal of a lease costs etcd 0.3 ms of processor time if its process has no other, and 0.07 ms
// if it has 1,000 (TestCostOfKeepingLeases). There are three in a TTL: 10,000 servers with a TTL of
// 10 s use one core, and 100,000 need a TTL of two minutes. A client that is idle sends a small
// request each sixth of the TTL, which the proxy answers itself: 6,000 in a second for 10,000
// clients with a TTL of 10 s.
package discovery
