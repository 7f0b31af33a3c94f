package testkit

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"testing"
)

// Ports are chosen below the ranges from which Linux, macOS and Windows take the ports of outgoing
// connections and of listeners on port 0. So the system does not assign the port of a server that
// does not listen yet, or for a while, to another socket.
const (
	firstPort = 20000
	portCount = 12000
)

// The first port is random, because other processes choose from the same ports. Each call takes the
// next one, so that one process does not choose a port twice.
var (
	portStart = rand.Uint32N(portCount)
	portCalls atomic.Uint32
)

// FreeAddr returns an address of 127.0.0.1 with a port that was free when FreeAddr was called. The
// system does not assign that port to outgoing connections or to listeners on port 0.
func FreeAddr(t testing.TB) string {
	t.Helper()
	for range portCount {
		addr := fmt.Sprintf("127.0.0.1:%d", firstPort+(portStart+portCalls.Add(1))%portCount)
		if l, err := net.Listen("tcp", addr); err == nil {
			l.Close()
			return addr
		}
	}
	t.Fatalf("no free port of 127.0.0.1 between %d and %d", firstPort, firstPort+portCount-1)
	return ""
}

// ClosedAddr returns an address of 127.0.0.1 that refuses connections: its port was free when
// ClosedAddr was called, and nothing listens on it.
func ClosedAddr(t testing.TB) string {
	t.Helper()
	return FreeAddr(t)
}
