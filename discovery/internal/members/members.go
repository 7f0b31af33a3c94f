// Package members lays out a cluster of etcd on the loopback interface.
package members

import (
	"fmt"
	"path/filepath"
	"strings"

	"bookservice/discovery/internal/freeport"
)

// A Member is one member of a cluster: its name, the folder of its data, and its addresses for
// clients and for other members, each as host:port.
type Member struct{ Name, Dir, Client, Peer string }

// New returns members on free ports, with folders below dir, and the list of all of them for etcd's
// setting initial-cluster.
func New(dir string, count int) (members []Member, cluster string, err error) {
	var peers []string
	for i := range count {
		name := fmt.Sprintf("m%d", i)
		m := Member{Name: name, Dir: filepath.Join(dir, name)}
		for _, address := range []*string{&m.Client, &m.Peer} {
			if *address, err = freeport.Address(); err != nil {
				return nil, "", err
			}
		}
		members = append(members, m)
		peers = append(peers, name+"=http://"+m.Peer)
	}
	return members, strings.Join(peers, ","), nil
}
