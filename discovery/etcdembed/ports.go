package etcdembed

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// Ports are chosen below the ranges from which Linux, macOS and Windows take the ports of outgoing
// connections and of listeners on port 0. So the system does not assign the port of a stopped
// member to another socket before the member starts again.
const (
	firstPort = 20000
	lastPort  = 31999
	portTries = 1000
)

// freeAddresses returns addresses of 127.0.0.1 that were free when it was called.
func freeAddresses(count int) ([]string, error) {
	var addresses []string
	for range portTries {
		address := fmt.Sprintf("127.0.0.1:%d", firstPort+rand.IntN(lastPort-firstPort+1))
		listener, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		// Stays open until all addresses are found, so that none is found twice.
		defer listener.Close()
		if addresses = append(addresses, address); len(addresses) == count {
			return addresses, nil
		}
	}
	return nil, fmt.Errorf("%d free ports not found on 127.0.0.1 between %d and %d",
		count, firstPort, lastPort)
}
