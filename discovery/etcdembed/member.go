package etcdembed

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
	"google.golang.org/grpc"
)

// Ticks of the members: long enough for a busy machine, and short enough that
// etcd, whose shortest lease is one and a half election times rounded up to a
// second, grants leases of one second and more.
const (
	heartbeatMillis = 50
	electionMillis  = 500
)

// A member is one etcd server. The cluster's lock guards starting and stopping.
type member struct {
	name, dir, client, peer string
	cluster                 string // every member as name=url,…

	server *embed.Etcd // nil while stopped
	rpc    *rpcServers
}

// newMembers plans members on ports that are free now.
func newMembers(dir string, count int) ([]*member, error) {
	addresses, err := freeAddresses(2 * count)
	if err != nil {
		return nil, err
	}
	members := make([]*member, count)
	peers := make([]string, count)
	for i := range members {
		name := fmt.Sprintf("m%d", i)
		members[i] = &member{
			name:   name,
			dir:    filepath.Join(dir, name),
			client: addresses[2*i],
			peer:   addresses[2*i+1],
		}
		peers[i] = name + "=http://" + members[i].peer
	}
	for _, m := range members {
		m.cluster = strings.Join(peers, ",")
	}
	return members, nil
}

func (m *member) start(keepData bool) error {
	if !keepData {
		if err := os.RemoveAll(m.dir); err != nil {
			return err
		}
	}
	rpc := &rpcServers{}
	server, err := embed.StartEtcd(m.config(rpc))
	if err != nil {
		return err
	}
	m.server, m.rpc = server, rpc
	return nil
}

func (m *member) config(rpc *rpcServers) *embed.Config {
	c := embed.NewConfig()
	c.Name = m.name
	c.Dir = m.dir
	c.ListenClientUrls = []url.URL{{Scheme: "http", Host: m.client}}
	c.AdvertiseClientUrls = c.ListenClientUrls
	c.ListenPeerUrls = []url.URL{{Scheme: "http", Host: m.peer}}
	c.AdvertisePeerUrls = c.ListenPeerUrls
	c.InitialCluster = m.cluster
	c.TickMs = heartbeatMillis
	c.ElectionMs = electionMillis
	c.UnsafeNoFsync = true
	c.EnableGRPCGateway = false
	c.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.NewNop())
	c.ServiceRegister = rpc.add
	return c
}

// wait returns when the member answers clients.
func (m *member) wait(ctx context.Context) error {
	select {
	case <-m.server.Server.ReadyNotify():
		return nil
	case err := <-m.server.Err():
		return fmt.Errorf("member %s: %w", m.name, err)
	case <-m.server.Server.StopNotify():
		return fmt.Errorf("member %s: %w", m.name, errors.New("stopped while it was starting"))
	case <-ctx.Done():
		return fmt.Errorf("member %s is not ready: %w", m.name, ctx.Err())
	}
}

// stop cuts the clients' connections and halts the server before it closes them:
// etcd on its own would wait seconds for open watches to end and, as the leader
// of a cluster that stops as a whole, for a successor that never comes.
func (m *member) stop() {
	if m.server == nil {
		return
	}
	m.rpc.stop()
	m.server.Server.HardStop()
	m.server.Close()
	m.server, m.rpc = nil, nil
}

// rpcServers are the gRPC servers that etcd made for one run of a member. etcd
// hands them out while it starts, which may be after the member was stopped.
type rpcServers struct {
	mu      sync.Mutex
	servers []*grpc.Server
	stopped bool
}

func (s *rpcServers) add(server *grpc.Server) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.servers = append(s.servers, server)
	if s.stopped {
		server.Stop()
	}
}

func (s *rpcServers) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	for _, server := range s.servers {
		server.Stop()
	}
}
