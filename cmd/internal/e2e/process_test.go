package e2e_test

import (
	"bytes"
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
	"sync"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"bookservice/discovery/etcdembed"
)

// limit is how long anything may take for which no time is promised.
const limit = 30 * time.Second

// ttl is that of the servers' registrations: short, and longer than a busy machine keeps a process waiting.
const ttl = 3 * time.Second

// prefix is where the commands register.
const prefix = "/services/book/"

var bin string // the folder of the commands

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	// These tests wait more than they work: many at once, however small the machine.
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
	// Nobody debugs these commands: half of the linker's work is what a debugger reads.
	build := exec.Command("go", "build", "-race="+raced(), "-ldflags=-w", "-o", bin,
		"bookservice/cmd/bookserver", "bookservice/cmd/bookclient", "bookservice/cmd/bookdemo")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// raced says whether these tests were built with the race detector: the commands then are, too.
func raced() string {
	info, _ := debug.ReadBuildInfo()
	for _, s := range info.Settings {
		if s.Key == "-race" {
			return s.Value
		}
	}
	return "false"
}

// A process is a command that runs.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	out  output
	errs output
}

// An output may be read while it is written.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// start starts a command with these arguments, and further environment of the form K=V. It is killed at the test's end.
func start(t testing.TB, name string, args []string, env ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(filepath.Join(bin, name), args...), done: make(chan struct{})}
	// A raced process would sleep for a second before it exits.
	p.cmd.Env = append(append(os.Environ(), "LANG=C", "GORACE=atexit_sleep_ms=0"), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.errs
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

// do runs a command to its end and returns its exit status and what it printed.
func do(t testing.TB, name string, args []string, env ...string) (code int, stdout, stderr string) {
	t.Helper()
	p := start(t, name, args, env...)
	code = p.wait(t)
	return code, p.out.String(), p.errs.String()
}

var serving = regexp.MustCompile(`msg=serving grpc=(\S+) registered=(\S+)`)

// serve starts a bookserver on a free port and returns it and its address once it is registered.
func serve(t testing.TB, args ...string) (*process, string) {
	t.Helper()
	p := start(t, "bookserver", append([]string{"-grpc-addr", "127.0.0.1:0", "-ttl", ttl.String()}, args...))
	var found []string
	eventually(t, "bookserver serves", func() bool {
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

// closed returns an address that nobody listens on.
func closed(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// eventually polls until ok.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	within(t, limit, what, ok)
}

// within polls until ok, for d at most, and returns how long it took.
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

// stays polls for d that it is ok all the time.
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

// An etcd is a real one, with a client of the test's own.
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
	client, err := clientv3.New(clientv3.Config{Endpoints: cluster.Endpoints(), Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.Close()
		cluster.Close()
	})
	return &etcd{cluster, client}
}

// at is the argument that names the etcd.
func (e *etcd) at() []string { return []string{"-etcd", e.Endpoints()[0]} }

// registered returns the addresses that etcd has, keys without the prefix, each checked to be its key's value and under a
// lease.
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
			t.Errorf("have %s=%s under lease %x, want the address under a lease", kv.Key, kv.Value, kv.Lease)
		}
		all = append(all, addr)
	}
	return all
}
