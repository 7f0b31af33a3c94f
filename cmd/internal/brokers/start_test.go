package brokers_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// kafkaJars is the environment variable that names the folder with Kafka's jars.
const kafkaJars = "KAFKA_JARS"

// rabbit is where Debian has the broker itself, and not the wrapper that changes the user.
const rabbit = "/usr/lib/rabbitmq/bin/rabbitmq-server"

// A broker is a process that a test has started.
type broker struct {
	addr string
	cmd  *exec.Cmd
	done chan struct{}
	log  output
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
func run(t *testing.T, addr string, cmd *exec.Cmd) *broker {
	t.Helper()
	b := &broker{addr: addr, cmd: cmd, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &b.log, &b.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = cmd.Wait(); close(b.done) }()
	t.Cleanup(func() {
		b.kill()
		if t.Failed() {
			t.Logf("%s said:\n%.5000s", filepath.Base(cmd.Path), b.log.String())
		}
	})
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for limit := time.Now().Add(90 * time.Second); ; <-tick.C {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
			return b
		}
		select {
		case <-b.done:
			t.Fatalf("%s has ended:\n%.5000s", cmd.Path, b.log.String())
		default:
		}
		if time.Now().After(limit) {
			t.Fatalf("%s does not listen at %s:\n%.5000s", cmd.Path, addr, b.log.String())
		}
	}
}

func (b *broker) kill() {
	_ = b.cmd.Process.Kill()
	<-b.done
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
	return run(t, "127.0.0.1:"+p[0], java("kafka.Kafka", settings))
}

// startRabbitMQ starts a node with everything of it in a folder of the test's.
func startRabbitMQ(t *testing.T) *broker {
	t.Helper()
	if _, err := os.Stat(rabbit); err != nil {
		t.Skip("no RabbitMQ on this machine: bash .ci/run installs it and runs this")
	}
	dir, p := t.TempDir(), ports(t, 3)
	plugins := filepath.Join(dir, "plugins")
	if err := os.WriteFile(plugins, []byte("[]."), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(rabbit)
	cmd.Env = append(os.Environ(), "HOME="+dir, "RABBITMQ_MNESIA_BASE="+dir, "RABBITMQ_LOG_BASE="+dir,
		"RABBITMQ_PID_FILE="+filepath.Join(dir, "pid"), "RABBITMQ_ENABLED_PLUGINS_FILE="+plugins,
		"RABBITMQ_NODENAME=n"+p[0]+"@localhost", "RABBITMQ_NODE_IP_ADDRESS=127.0.0.1", "RABBITMQ_NODE_PORT="+p[0],
		"RABBITMQ_DIST_PORT="+p[1], "RABBITMQ_CONF_ENV_FILE=/dev/null", "ERL_EPMD_ADDRESS=127.0.0.1", "ERL_EPMD_PORT="+p[2],
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}")
	b := run(t, "127.0.0.1:"+p[0], cmd)
	t.Cleanup(func() { stopEPMD(t, p[2]) })
	return b
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
