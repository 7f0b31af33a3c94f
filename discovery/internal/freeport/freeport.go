// Package freeport finds free ports of the loopback interface for servers that are stopped and
// started again, or that are started by another process.
package freeport

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
)

// Ports are chosen below the ranges from which Linux, macOS and Windows take the ports of outgoing
// connections and of listeners on port 0. So the system does not assign the port of a server that
// does not listen yet, or for a while, to another socket.
const (
	first = 20000
	count = 12000
)

// A sequence returns the offsets of ports one after the other.
type sequence struct {
	start uint32
	calls atomic.Uint32
}

func (s *sequence) next() uint32 { return (s.start + s.calls.Add(1)) % count }

// The first port is random, because other processes choose from the same ports. Each call takes the
// next one, so that this process does not choose a port twice.
//
//nolint:gochecknoglobals // the ports of a process are shared
var offsets = sequence{start: rand.Uint32N(count)}

// Address returns an address of 127.0.0.1 with a port that was free when Address was called. The
// result differs from those of the preceding 11,999 calls. It may be called concurrently.
func Address() (string, error) {
	for range count {
		address := fmt.Sprintf("127.0.0.1:%d", first+offsets.next())
		listener, err := net.Listen("tcp", address)
		if err == nil {
			return address, listener.Close()
		}
	}
	return "", fmt.Errorf("no free port of 127.0.0.1 between %d and %d", first, first+count-1)
}
