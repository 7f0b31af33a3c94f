package faults

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"time"

	"bookservice/discovery/internal/members"
)

// A member is one etcd process. It is started and stopped with the cluster's lock held.
type member struct {
	members.Member
	args []string // the path of etcd first
	tls  bool

	cmd    *exec.Cmd // nil while stopped
	output *bytes.Buffer
	ended  chan struct{} // closed when the process has ended, and output is complete
}

// command sets the arguments. The heartbeat interval and the election timeout are those of package
// etcdembed: etcd grants leases of 1 s or more.
func (m *member) command(path, cluster string, further []string) {
	scheme := "http://"
	if m.tls = slices.Contains(further, "--cert-file"); m.tls {
		scheme = "https://"
	}
	m.args = append([]string{
		path,
		"--name", m.Name,
		"--data-dir", m.Dir,
		"--listen-client-urls", scheme + m.Client,
		"--advertise-client-urls", scheme + m.Client,
		"--listen-peer-urls", "http://" + m.Peer,
		"--initial-advertise-peer-urls", "http://" + m.Peer,
		"--initial-cluster", cluster,
		"--heartbeat-interval", "50", "--election-timeout", "500",
		"--log-level", "error",
	}, further...)
}

func (m *member) start(keepData bool) error {
	if !keepData {
		if err := os.RemoveAll(m.Dir); err != nil {
			return err
		}
	}
	cmd := exec.Command(m.args[0], m.args[1:]...)
	output, ended := &bytes.Buffer{}, make(chan struct{})
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() {
		defer close(ended)
		_ = cmd.Wait() // it is killed
	}()
	m.cmd, m.output, m.ended = cmd, output, ended
	return nil
}

// healthInterval is the time between two requests of wait.
const healthInterval = 20 * time.Millisecond

// wait waits until the member answers clients.
func (m *member) wait(ctx context.Context) error {
	tick := time.NewTicker(healthInterval)
	defer tick.Stop()
	for !m.healthy(ctx) {
		select {
		case <-m.ended:
			return fmt.Errorf("member %s has ended: %.2000s", m.Name, m.output)
		case <-ctx.Done():
			return fmt.Errorf("member %s is not ready: %w", m.Name, ctx.Err())
		case <-tick.C:
		}
	}
	return nil
}

// healthy reports whether the member answers. One that uses TLS needs only to accept connections.
func (m *member) healthy(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if m.tls {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "tcp", m.Client)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+m.Client+"/health", nil)
	if err != nil {
		return false
	}
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// kill ends the process by SIGKILL and waits for its end.
func (m *member) kill() {
	if m.cmd == nil {
		return
	}
	_ = m.cmd.Process.Kill() // has no effect on a process that has ended
	<-m.ended
	m.cmd = nil
}
