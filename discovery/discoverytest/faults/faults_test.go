package faults_test

import (
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"bookservice/discovery/discoverytest/faults"
	"bookservice/discovery/internal/leakcheck"
	"bookservice/discovery/internal/testkit"
)

const limit = 30 * time.Second

func TestMain(m *testing.M) { os.Exit(leakcheck.Run(m)) }

func startCluster(t *testing.T, c faults.Config) *faults.Cluster {
	t.Helper()
	cluster, err := faults.Start(testkit.Context(t, limit), c)
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("etcd is not installed: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Close(); err != nil {
			t.Error(err)
		}
	})
	return cluster
}

// answers reports whether a server accepts connections and sends something on each of them.
func answers(address string) bool {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	return speaks(conn, time.Second)
}

// speaks reports whether something is received after a request was sent.
func speaks(conn net.Conn, within time.Duration) bool {
	if err := conn.SetDeadline(time.Now().Add(within)); err != nil {
		return false
	}
	if _, err := io.WriteString(conn, "GET /version HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
		return false
	}
	_, err := conn.Read(make([]byte, 1<<10))
	return err == nil
}

func TestMembersAreKilledPausedAndRestarted(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	c := startCluster(t, faults.Config{Members: 3})
	for n, endpoint := range c.Endpoints() {
		if !answers(endpoint) || c.Pid(n) == 0 {
			t.Errorf("member %d does not run after Start", n)
		}
	}
	if err := c.Pause(0); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	} else if err == nil {
		// The threads of a process stop some time after SIGSTOP was sent.
		testkit.Eventually(t, "a paused member does not answer", func() bool {
			return !answers(c.Endpoints()[0])
		})
		if err := c.Resume(0); err != nil || !answers(c.Endpoints()[0]) {
			t.Errorf("have %v, want a member that answers after Resume", err)
		}
	}
	for range 2 { // the second call has no effect
		if err := c.StopMember(1); err != nil {
			t.Error(err)
		}
	}
	if answers(c.Endpoints()[1]) || c.Pid(1) != 0 || c.Pause(1) == nil {
		t.Error("a killed member runs")
	}
	for range 2 { // the second call has no effect
		err := c.StartMember(testkit.Context(t, limit), 1)
		if err != nil || !answers(c.Endpoints()[1]) || c.Pid(1) == 0 {
			t.Errorf("have %v, want a member that answers after StartMember", err)
		}
	}
	for _, keepData := range []bool{true, false} {
		if err := c.Restart(testkit.Context(t, limit), keepData); err != nil {
			t.Fatal(err)
		}
		if !answers(c.Endpoints()[1]) {
			t.Error("a member does not run after Restart")
		}
	}
	if err := c.StopMember(3); err == nil {
		t.Error("member 3: have no error, want one")
	}
	if err := c.Close(); err != nil || c.StartMember(testkit.Context(t, limit), 1) == nil {
		t.Errorf("have %v from Close, and a member starts after it", err)
	}
}

func TestStartReportsWhyEtcdHasEnded(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("etcd"); err != nil {
		t.Skip("etcd is not installed: ", err)
	}
	for _, c := range []faults.Config{{Members: 2}, {Args: []string{"--no-such-flag"}}} {
		if _, err := faults.Start(testkit.Context(t, limit), c); err == nil {
			t.Errorf("%+v: have no error, want one", c)
		}
	}
}

// startServer starts a server that answers each read on a connection.
func startServer(t *testing.T) string {
	t.Helper()
	l := testkit.Listen(t)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				buf := make([]byte, 1<<10)
				for {
					if _, err := conn.Read(buf); err != nil {
						return
					}
					if _, err := io.WriteString(conn, "x"); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

func TestProxyDisturbsConnections(t *testing.T) {
	t.Parallel()
	const briefly = 200 * time.Millisecond
	for _, test := range []struct {
		name        string
		begin, end  func(*faults.Proxy)
		during      bool // new connections work during the fault
		after       bool // those of before the fault work after it
		madeIn      bool // those made during the fault work after it
		closesConns bool
	}{
		{"hold", (*faults.Proxy).Hold, (*faults.Proxy).Release, false, true, true, false},
		{"lose", (*faults.Proxy).Lose, (*faults.Proxy).Release, false, false, false, false},
		{"forget", (*faults.Proxy).Forget, func(*faults.Proxy) {}, true, false, true, false},
		{"cut", (*faults.Proxy).Cut, (*faults.Proxy).Restore, false, false, false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p, err := faults.StartProxy(startServer(t))
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			dial := func() net.Conn {
				conn, err := net.Dial("tcp", p.Address())
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { conn.Close() })
				return conn
			}
			before := dial()
			if !speaks(before, limit) {
				t.Fatal("a connection does not work before the fault")
			}
			test.begin(p)
			madeIn := dial()
			within := briefly
			if test.during {
				within = limit
			}
			if have := speaks(madeIn, within); have != test.during {
				t.Errorf("a new connection works during the fault: %t, want %t", have, test.during)
			}
			begin := time.Now()
			if speaks(before, briefly) {
				t.Error("a former connection works during the fault")
			}
			if closed := time.Since(begin) < briefly/2; closed != test.closesConns {
				t.Errorf("the connection was closed: %t, want %t", closed, test.closesConns)
			}
			test.end(p)
			within = func() time.Duration {
				if test.after {
					return limit
				}
				return briefly
			}()
			if have := speaks(before, within); have != test.after {
				t.Errorf("a former connection works after the fault: %t, want %t", have, test.after)
			}
			if have := speaks(madeIn, max(within, briefly)); have != test.madeIn {
				t.Errorf("one made in the fault works after it: %t, want %t", have, test.madeIn)
			}
			if !answers(p.Address()) {
				t.Error("a new connection does not work after the fault")
			}
		})
	}
}
