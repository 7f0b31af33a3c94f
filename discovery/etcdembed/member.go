package etcdembed

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"sync"

	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"google.golang.org/grpc"

	"bookservice/discovery/internal/members"
)

// The heartbeat interval and the election timeout are long enough for a busy machine. The shortest
// lease that etcd grants is one and a half election timeouts, rounded up to seconds: here 1 s.
const (
	heartbeatMillis = 50
	electionMillis  = 500
)

// A member is one etcd server. It is started and stopped with the cluster's lock held.
type member struct {
	members.Member
	cluster string // all members: name=url,…

	server *embed.Etcd // nil while stopped
	rpc    *rpcServers
}

// newMembers returns members, not yet started, on free ports.
func newMembers(dir string, count int) ([]*member, error) {
	layout, cluster, err := members.New(dir, count)
	if err != nil {
		return nil, err
	}
	var all []*member
	for _, m := range layout {
		all = append(all, &member{Member: m, cluster: cluster})
	}
	return all, nil
}

func (m *member) start(keepData bool) error {
	if !keepData {
		if err := os.RemoveAll(m.Dir); err != nil {
			return err
		}
	}
	rpc := &rpcServers{}
	server, err := startEtcd(m.config(rpc))
	if err != nil {
		return err
	}
	m.server, m.rpc = server, rpc
	return nil
}

// startEtcd returns as an error what etcd panics with, such as on a full disk. It cannot close what
// etcd has opened by then: listeners and a file.
func startEtcd(c *embed.Config) (server *embed.Etcd, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("etcd: %v", r)
		}
	}()
	return embed.StartEtcd(c)
}

// newLogger returns a logger that writes only why etcd ends the process.
func newLogger() *zap.Logger {
	return zap.NewNop().WithOptions(zap.WithPanicHook(panicHook{}), zap.WithFatalHook(fatalHook{}))
}

// A panicHook panics with the reason.
type panicHook struct{}

// OnWrite implements [zapcore.CheckWriteHook].
func (panicHook) OnWrite(entry *zapcore.CheckedEntry, fields []zapcore.Field) {
	panic(reason(entry, fields))
}

// A fatalHook writes the reason to standard error and ends the process with status 1.
type fatalHook struct{}

// OnWrite implements [zapcore.CheckWriteHook].
func (fatalHook) OnWrite(entry *zapcore.CheckedEntry, fields []zapcore.Field) {
	fmt.Fprintln(os.Stderr, "etcd has ended the process:", reason(entry, fields))
	zapcore.WriteThenFatal.OnWrite(entry, fields)
}

// reason returns why etcd cannot go on.
func reason(entry *zapcore.CheckedEntry, fields []zapcore.Field) string {
	for _, field := range fields {
		if err, ok := field.Interface.(error); ok {
			return entry.Message + ": " + err.Error()
		}
	}
	return entry.Message
}

func (m *member) config(rpc *rpcServers) *embed.Config {
	c := embed.NewConfig()
	c.Name = m.Name
	c.Dir = m.Dir
	c.ListenClientUrls = []url.URL{{Scheme: "http", Host: m.Client}}
	c.AdvertiseClientUrls = c.ListenClientUrls
	c.ListenPeerUrls = []url.URL{{Scheme: "http", Host: m.Peer}}
	c.AdvertisePeerUrls = c.ListenPeerUrls
	c.InitialCluster = m.cluster
	c.TickMs = heartbeatMillis
	c.ElectionMs = electionMillis
	c.UnsafeNoFsync = true
	c.EnableGRPCGateway = false
	c.ZapLoggerBuilder = embed.NewZapLoggerBuilder(newLogger())
	c.ServiceRegister = rpc.add
	return c
}

// wait waits until the member answers clients.
func (m *member) wait(ctx context.Context) error {
	select {
	case <-m.server.Server.ReadyNotify():
		return nil
	case err := <-m.server.Err():
		return fmt.Errorf("member %s: %w", m.Name, err)
	case <-m.server.Server.StopNotify():
		return fmt.Errorf("member %s stopped while it was starting", m.Name)
	case <-ctx.Done():
		return fmt.Errorf("member %s is not ready: %w", m.Name, ctx.Err())
	}
}

// stop closes the connections of clients and halts the server before it calls Close. Close alone
// waits seconds for open watches to end. On the leader it also waits for another member to become
// the leader, which fails if the whole cluster stops.
func (m *member) stop() {
	if m.server == nil {
		return
	}
	m.rpc.stop()
	m.server.Server.HardStop()
	m.server.Close()
	m.server, m.rpc = nil, nil
}

// rpcServers are the gRPC servers that etcd has created for one run of a member. It calls add for
// each while it starts, which may be after the member was stopped.
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
