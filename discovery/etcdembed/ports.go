package etcdembed

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// Ports are drawn from below the range that Linux, macOS and Windows give to
// outgoing connections and to listeners on port 0, so that nobody is handed the
// port of a stopped member before it starts again.
const (
	firstPort = 20000
	lastPort  = 31999
	portTries = 1000
)

// freeAddresses returns addresses on 127.0.0.1 that were free while it looked.
func freeAddresses(count int) ([]string, error) {
	var addresses []string
	for range portTries {
		address := fmt.Sprintf("127.0.0.1:%d", firstPort+rand.IntN(lastPort-firstPort+1))
		listener, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		// Held until all are found, so that none is found twice.
		defer listener.Close()
		if addresses = append(addresses, address); len(addresses) == count {
			return addresses, nil
		}
	}
	return nil, fmt.Errorf("no %d free ports on 127.0.0.1 between %d and %d", count, firstPort, lastPort)
}
