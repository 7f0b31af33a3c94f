package discovery_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"bookservice/discovery/internal/testkit"
)

// A process is one member of a cluster of etcd processes, which can be killed and stopped.
type process struct {
	client, peer string
	args         []string
	cmd          *exec.Cmd
}

// startProcesses starts a cluster of the etcd that is installed, which may be an older release than
// that of package etcdembed. It skips the test if there is none.
func startProcesses(t *testing.T, members int, args ...string) []*process {
	t.Helper()
	path, err := exec.LookPath("etcd")
	if err != nil {
		t.Skip("etcd is not installed: ", err)
	}
	dir := t.TempDir()
	processes := make([]*process, members)
	cluster := make([]string, members)
	for i := range processes {
		p := &process{client: testkit.FreeAddr(t), peer: testkit.FreeAddr(t)}
		processes[i] = p
		cluster[i] = fmt.Sprintf("m%d=http://%s", i, p.peer)
	}
	for i, p := range processes {
		scheme := "http://"
		if slices.Contains(args, "--cert-file") {
			scheme = "https://"
		}
		p.args = append([]string{path,
			"--name", fmt.Sprint("m", i),
			"--data-dir", filepath.Join(dir, fmt.Sprint("m", i)),
			"--listen-client-urls", scheme + p.client,
			"--advertise-client-urls", scheme + p.client,
			"--listen-peer-urls", "http://" + p.peer,
			"--initial-advertise-peer-urls", "http://" + p.peer,
			"--initial-cluster", strings.Join(cluster, ","),
			"--heartbeat-interval", "50", "--election-timeout", "500",
			"--log-level", "error",
		}, args...)
		p.start(t)
	}
	return processes
}

func (p *process) start(t *testing.T) {
	t.Helper()
	cmd, log := exec.Command(p.args[0], p.args[1:]...), &testkit.Buffer{}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.cmd = cmd
	t.Cleanup(func() { // has no effect on a process that has ended
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("output of etcd %s:\n%.5000s", p.client, log)
		}
	})
}

func addresses(processes []*process) []string {
	var all []string
	for _, p := range processes {
		all = append(all, p.client)
	}
	return all
}

// etcdOf returns a client of the processes that reads and changes their data. It waits until they
// answer.
func etcdOf(t *testing.T, processes ...*process) *etcd {
	t.Helper()
	raw, err := clientv3.New(clientv3.Config{
		Endpoints: addresses(processes),
		Logger:    zap.NewNop(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { raw.Close() })
	e := &etcd{raw: raw}
	e.putSoon(t, "/ready", "")
	return e
}

// putSoon is put for an etcd that may have no leader.
func (e *etcd) putSoon(t *testing.T, key, value string) {
	t.Helper()
	testkit.Eventually(t, "etcd accepts a key", func() bool {
		_, err := e.raw.Put(testkit.Context(t, time.Second), key, value)
		return err == nil
	})
}

// leader returns the index of the leader.
func (e *etcd) leader(t *testing.T, endpoints []string) int {
	t.Helper()
	leader := -1
	testkit.Eventually(t, "there is a leader", func() bool {
		leader = slices.IndexFunc(endpoints, func(endpoint string) bool {
			s, err := e.raw.Status(testkit.Context(t, limit), endpoint)
			return err == nil && s.Leader == s.Header.MemberId
		})
		return leader >= 0
	})
	return leader
}
