package brokers_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// kafkaJars is the environment variable that names the folder with Kafka's jars.
const kafkaJars = "KAFKA_JARS"

// rabbitMQ is the environment variable that names the program rabbitmq-server: the broker itself, and not Debian's wrapper
// that changes the user.
const rabbitMQ = "RABBITMQ_SERVER"

// A broker is a process that a test has started. It can be killed and started again, with what it has on disk.
type broker struct {
	addr    string
	command func() *exec.Cmd
	pidFile string // where the process writes its own id, if what was started only waits for it
	cmd     *exec.Cmd
	done    chan struct{}
	log     output
}

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

// run starts a command, waits until it listens at addr, and kills it at the test's end.
func run(t *testing.T, addr, pidFile string, command func() *exec.Cmd) *broker {
	t.Helper()
	b := &broker{addr: addr, pidFile: pidFile, command: command}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the broker at %s said:\n%.5000s", addr, b.log.String())
		}
	})
	t.Cleanup(func() { b.kill() })
	b.start(t)
	return b
}

func (b *broker) start(t *testing.T) {
	t.Helper()
	b.cmd, b.done = b.command(), make(chan struct{})
	b.cmd.Stdout, b.cmd.Stderr = &b.log, &b.log
	if err := b.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func(cmd *exec.Cmd, done chan struct{}) { _ = cmd.Wait(); close(done) }(b.cmd, b.done)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for limit := time.Now().Add(90 * time.Second); ; <-tick.C {
		conn, err := net.Dial("tcp", b.addr)
		if err == nil {
			conn.Close()
			return
		}
		select {
		case <-b.done:
			t.Fatalf("%s has ended:\n%.5000s", b.cmd.Path, b.log.String())
		default:
		}
		if time.Now().After(limit) {
			t.Fatalf("%s does not listen at %s:\n%.5000s", b.cmd.Path, b.addr, b.log.String())
		}
	}
}

func (b *broker) kill() {
	b.signal(syscall.SIGKILL)
	_ = b.cmd.Process.Kill()
	<-b.done
}

func (b *broker) signal(s syscall.Signal) {
	pid := b.cmd.Process.Pid
	if text, err := os.ReadFile(b.pidFile); err == nil {
		if own, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			pid = own
		}
	}
	_ = syscall.Kill(pid, s)
}

// ports returns free ones of 127.0.0.1.
func ports(t *testing.T, n int) []string {
	t.Helper()
	var all []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		_, port, _ := net.SplitHostPort(l.Addr().String())
		all = append(all, port)
	}
	return all
}

// startKafka starts one node that is broker and controller (KRaft).
func startKafka(t *testing.T) *broker {
	t.Helper()
	jars := os.Getenv(kafkaJars)
	if jars == "" {
		t.Skipf("%s names no folder with Kafka's jars: bash .ci/run fetches them and runs this", kafkaJars)
	}
	dir, p := t.TempDir(), ports(t, 2)
	settings := filepath.Join(dir, "server.properties")
	text := strings.Join([]string{
		"process.roles=broker,controller", "node.id=1", "controller.quorum.voters=1@127.0.0.1:" + p[1],
		"listeners=PLAINTEXT://127.0.0.1:" + p[0] + ",CONTROLLER://127.0.0.1:" + p[1],
		"controller.listener.names=CONTROLLER", "offsets.topic.replication.factor=1",
		"transaction.state.log.replication.factor=1", "transaction.state.log.min.isr=1",
		"group.initial.rebalance.delay.ms=0", "log.dirs=" + filepath.Join(dir, "data"),
	}, "\n")
	if err := os.WriteFile(settings, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	java := func(args ...string) *exec.Cmd {
		return exec.Command("java", append([]string{"-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", jars + "/*"}, args...)...)
	}
	if out, err := java("kafka.tools.StorageTool", "format", "-t", "Ym9va3NlcnZpY2UtdGVzdA", "-c", settings).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return run(t, "127.0.0.1:"+p[0], "", func() *exec.Cmd { return java("kafka.Kafka", settings) })
}

// startRabbitMQ starts a node with everything of it in a folder of the test's.
func startRabbitMQ(t *testing.T) *broker {
	t.Helper()
	program := os.Getenv(rabbitMQ)
	if program == "" {
		t.Skipf("%s names no RabbitMQ: bash .ci/run installs one and runs this", rabbitMQ)
	}
	dir, p := t.TempDir(), ports(t, 3)
	plugins := filepath.Join(dir, "plugins")
	if err := os.WriteFile(plugins, []byte("[]."), 0o600); err != nil {
		t.Fatal(err)
	}
	pidFile := filepath.Join(dir, "pid")
	env := append(os.Environ(), "HOME="+dir, "RABBITMQ_MNESIA_BASE="+dir, "RABBITMQ_LOG_BASE="+dir,
		"RABBITMQ_PID_FILE="+pidFile, "RABBITMQ_ENABLED_PLUGINS_FILE="+plugins,
		"RABBITMQ_NODENAME=n"+p[0]+"@localhost", "RABBITMQ_NODE_IP_ADDRESS=127.0.0.1", "RABBITMQ_NODE_PORT="+p[0],
		"RABBITMQ_DIST_PORT="+p[1], "RABBITMQ_CONF_ENV_FILE=/dev/null", "ERL_EPMD_ADDRESS=127.0.0.1", "ERL_EPMD_PORT="+p[2],
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}")
	t.Cleanup(func() { stopEPMD(t, p[2]) })
	return run(t, "127.0.0.1:"+p[0], pidFile, func() *exec.Cmd {
		cmd := exec.Command(program)
		cmd.Env = env
		return cmd
	})
}

// stopEPMD ends the name server that a node starts beside itself: it would outlive it. It is known by its port.
func stopEPMD(t *testing.T, port string) {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		env, err := os.ReadFile(name)
		if err != nil || !bytes.Contains(env, []byte("ERL_EPMD_PORT="+port+"\x00")) {
			continue
		}
		var pid int
		if _, err := fmt.Sscanf(name, "/proc/%d/environ", &pid); err == nil {
			if p, err := os.FindProcess(pid); err == nil {
				_ = p.Kill()
			}
		}
	}
}
