package e2e_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"bookservice/discovery/etcdembed"
	"bookservice/tracer/tracertest/testkit"
)

// limit is how long anything may take that has no limit of its own.
const limit = 30 * time.Second

// ttl is the TTL of the servers' registrations: short, but longer than a process waits for the CPU
// on a busy machine.
const ttl = 3 * time.Second

// prefix is where the commands register in etcd.
const prefix = "/services/book/"

var bin string // the folder with the commands

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	// The tests wait most of the time: many run at once, also on a small machine.
	err := flag.Set("test.parallel", "8")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if bin, err = os.MkdirTemp("", "bookservice-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(bin)
	// -w leaves out the debug information, which is half of the linker's work.
	build := exec.Command("go", "build", "-race="+raced(), "-ldflags=-w", "-o", bin,
		"bookservice/cmd/bookserver", "bookservice/cmd/bookclient", "bookservice/cmd/bookdemo",
		"bookservice/cmd/bookcollector")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// raced returns "true" if the tests are built with the race detector: the commands then are, too.
func raced() string {
	info, _ := debug.ReadBuildInfo()
	for _, s := range info.Settings {
		if s.Key == "-race" {
			return s.Value
		}
	}
	return "false"
}

// A process is a command that was started.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	out  testkit.Buffer
	errs testkit.Buffer
}

// start starts a command with these arguments, and with further environment variables of the form
// K=V. The process is killed at the end of the test.
func start(t testing.TB, name string, args []string, env ...string) *process {
	t.Helper()
	return startWith(t, name, args, func(c *exec.Cmd) { c.Env = append(c.Env, env...) })
}

// startWith is start with a change of the command, such as other files for its output.
func startWith(t testing.TB, name string, args []string, change func(*exec.Cmd)) *process {
	t.Helper()
	p := &process{cmd: exec.Command(filepath.Join(bin, name), args...), done: make(chan struct{})}
	// Without this a raced process sleeps for a second before it exits.
	p.cmd.Env = append(os.Environ(), "LANG=C", "GORACE=atexit_sleep_ms=0")
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.errs
	change(p.cmd)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = p.cmd.Wait(); close(p.done) }()
	t.Cleanup(func() {
		p.signal(t, syscall.SIGKILL)
		<-p.done
		if strings.Contains(p.errs.String(), "DATA RACE") {
			t.Errorf("%s has a data race", name)
		}
		if t.Failed() {
			t.Logf("%s %s:\n%s%s", name, strings.Join(args, " "), p.out.String(), p.errs.String())
		}
	})
	return p
}

func (p *process) signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Error(err)
	}
}

// wait returns the exit status, -1 if a signal ended the process.
func (p *process) wait(t testing.TB) int {
	t.Helper()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(limit):
		t.Fatalf("%s has not ended within %v", p.cmd, limit)
		return 0
	}
}

// do runs a command to its end and returns its exit status and output.
func do(t testing.TB, name string, args []string, env ...string) (code int, stdout, stderr string) {
	t.Helper()
	p := start(t, name, args, env...)
	code = p.wait(t)
	return code, p.out.String(), p.errs.String()
}

var serving = regexp.MustCompile(`msg=serving grpc=(\S+) advertised=(\S+)`)

// serve starts a bookserver on a free port and returns it and its address when it is registered.
func serve(t testing.TB, args ...string) (*process, string) {
	t.Helper()
	return serveIn(t, nil, args...)
}

// serveIn is serve with environment variables.
func serveIn(t testing.TB, env []string, args ...string) (*process, string) {
	t.Helper()
	args = append([]string{"-grpc-addr", "127.0.0.1:0", "-ttl", ttl.String()}, args...)
	p := start(t, "bookserver", args, env...)
	var found []string
	testkit.Eventually(t, "bookserver serves", func() bool {
		select {
		case <-p.done:
			t.Fatalf("bookserver has ended: %s", p.errs.String())
		default:
		}
		found = serving.FindStringSubmatch(p.errs.String())
		return found != nil
	})
	return p, found[2]
}

// within polls until ok, for d at most, and returns how long that took.
func within(t testing.TB, d time.Duration, what string, ok func() bool) time.Duration {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for start := time.Now(); ; <-tick.C {
		if ok() {
			return time.Since(start)
		}
		if time.Since(start) > d {
			t.Fatalf("not within %v: %s", d, what)
		}
	}
}

// stays checks for d that ok stays true.
func stays(t testing.TB, d time.Duration, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for start := time.Now(); time.Since(start) < d; <-tick.C {
		if !ok() {
			t.Fatalf("after %v no longer: %s", time.Since(start), what)
		}
	}
}

// silentAddr returns an address that accepts connections and never sends anything. The channel
// receives a value for each connection.
func silentAddr(t *testing.T) (addr string, accepted <-chan struct{}) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	connections := make(chan struct{}, 100)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { conn.Close() })
			connections <- struct{}{}
		}
	}()
	t.Cleanup(func() { l.Close() })
	return l.Addr().String(), connections
}

// arrives waits for a value of the channel, or for its end.
func arrives(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(limit):
		t.Fatalf("not within %v: %s", limit, what)
	}
}

// An etcd is a real etcd with a client of the test.
type etcd struct {
	*etcdembed.Cluster
	client *clientv3.Client
}

func startEtcd(t testing.TB) *etcd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cluster, err := etcdembed.Start(ctx, etcdembed.Config{})
	if err != nil {
		t.Fatal(err)
	}
	c := clientv3.Config{Endpoints: cluster.Endpoints(), Logger: zap.NewNop()}
	client, err := clientv3.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.Close()
		cluster.Close()
	})
	return &etcd{cluster, client}
}

// at returns the arguments that name the etcd.
func (e *etcd) at() []string { return []string{"-etcd", e.Endpoints()[0]} }

// registered returns the addresses in etcd: the keys without the prefix. It checks that each key
// has its address as value, and a lease.
func (e *etcd) registered(t testing.TB) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	got, err := e.client.Get(ctx, prefix, clientv3.WithPrefix())
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, kv := range got.Kvs {
		addr := strings.TrimPrefix(string(kv.Key), prefix)
		if string(kv.Value) != addr || kv.Lease == 0 {
			t.Errorf("have %s=%s with lease %x, want the address with a lease",
				kv.Key, kv.Value, kv.Lease)
		}
		all = append(all, addr)
	}
	return all
}
