package brokers_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"bookservice/tracer/tracertest/testkit"
)

const (
	// kafkaJars is the environment variable that names the folder with Kafka's jars.
	kafkaJars = "KAFKA_JARS"
	// rabbitMQ is the environment variable that names the program rabbitmq-server: the broker
	// itself, not Debian's wrapper, which changes the user.
	rabbitMQ = "RABBITMQ_SERVER"
)

// A broker is a process that a test started. It can be killed and restarted with the same data.
type broker struct {
	addr    string
	command func() *exec.Cmd
	pidFile string // contains the broker's process id if the command only waits for the broker
	cmd     *exec.Cmd
	done    chan struct{} // closed when the command has ended
	log     testkit.Buffer
}

// run starts a command and waits until it listens at addr. The process is killed at the end of the
// test.
func run(t *testing.T, addr, pidFile string, command func() *exec.Cmd) *broker {
	t.Helper()
	b := &broker{addr: addr, pidFile: pidFile, command: command}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("output of the broker at %s:\n%.5000s", addr, b.log.String())
		}
	})
	t.Cleanup(b.kill)
	b.start(t)
	return b
}

// start starts the broker, also after [broker.kill], and waits until it listens.
func (b *broker) start(t *testing.T) {
	t.Helper()
	cmd, done := b.command(), make(chan struct{})
	cmd.Stdout, cmd.Stderr = &b.log, &b.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = cmd.Wait(); close(done) }()
	b.cmd, b.done = cmd, done
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for limit := time.Now().Add(90 * time.Second); ; <-tick.C {
		conn, err := net.Dial("tcp", b.addr)
		if err == nil {
			conn.Close()
			return
		}
		select {
		case <-done:
			t.Fatalf("%s has ended:\n%.5000s", cmd.Path, b.log.String())
		default:
		}
		if time.Now().After(limit) {
			t.Fatalf("%s does not listen at %s:\n%.5000s", cmd.Path, b.addr, b.log.String())
		}
	}
}

// kill kills the broker and waits until the command has ended.
func (b *broker) kill() {
	if b.cmd == nil {
		return // has not started
	}
	kill(b.pid())
	_ = b.cmd.Process.Kill()
	<-b.done
}

// stop asks the broker to end, and waits until the command has ended.
func (b *broker) stop(t *testing.T) {
	t.Helper()
	p, err := os.FindProcess(b.pid())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-b.done
}

// pid returns the process id of the broker.
func (b *broker) pid() int {
	if text, err := os.ReadFile(b.pidFile); err == nil {
		if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			return pid
		}
	}
	return b.cmd.Process.Pid
}

// kill kills a process. It does nothing if the process has ended.
func kill(pid int) {
	if p, err := os.FindProcess(pid); err == nil {
		_ = p.Kill()
	}
}

// freePorts returns n different free ports of 127.0.0.1.
func freePorts(t *testing.T, n int) []string {
	t.Helper()
	var ports []string
	for len(ports) < n {
		_, port, err := net.SplitHostPort(testkit.FreeAddr(t))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(ports, port) {
			ports = append(ports, port)
		}
	}
	return ports
}

// startKafka starts one node that is broker and controller (KRaft).
func startKafka(t *testing.T) *broker {
	t.Helper()
	jars := os.Getenv(kafkaJars)
	if jars == "" {
		t.Skipf("%s names no folder with Kafka's jars; bash .ci/run fetches them", kafkaJars)
	}
	dir, ports := t.TempDir(), freePorts(t, 2)
	addr, controller := "127.0.0.1:"+ports[0], "127.0.0.1:"+ports[1]
	settings := filepath.Join(dir, "server.properties")
	text := strings.Join([]string{
		"process.roles=broker,controller", "node.id=1", "controller.quorum.voters=1@" + controller,
		"listeners=PLAINTEXT://" + addr + ",CONTROLLER://" + controller,
		"controller.listener.names=CONTROLLER", "offsets.topic.replication.factor=1",
		"transaction.state.log.replication.factor=1", "transaction.state.log.min.isr=1",
		"group.initial.rebalance.delay.ms=0", "log.dirs=" + filepath.Join(dir, "data"),
	}, "\n")
	if err := os.WriteFile(settings, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	java := func(args ...string) *exec.Cmd {
		return exec.Command("java", append([]string{
			"-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", jars + "/*",
		}, args...)...)
	}
	format := java("kafka.tools.StorageTool", "format",
		"-t", "Ym9va3NlcnZpY2UtdGVzdA", "-c", settings)
	if out, err := format.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return run(t, addr, "", func() *exec.Cmd { return java("kafka.Kafka", settings) })
}

// startRabbitMQ starts one node with its files in a temporary folder.
func startRabbitMQ(t *testing.T) *broker {
	t.Helper()
	program := os.Getenv(rabbitMQ)
	if program == "" {
		t.Skipf("%s names no rabbitmq-server; bash .ci/run installs one", rabbitMQ)
	}
	dir, ports := t.TempDir(), freePorts(t, 3)
	port, distribution, names := ports[0], ports[1], ports[2]
	plugins := filepath.Join(dir, "plugins")
	if err := os.WriteFile(plugins, []byte("[]."), 0o600); err != nil {
		t.Fatal(err)
	}
	pidFile := filepath.Join(dir, "pid")
	env := append(os.Environ(), "HOME="+dir,
		"RABBITMQ_MNESIA_BASE="+dir, "RABBITMQ_LOG_BASE="+dir, "RABBITMQ_PID_FILE="+pidFile,
		"RABBITMQ_ENABLED_PLUGINS_FILE="+plugins, "RABBITMQ_CONF_ENV_FILE=/dev/null",
		"RABBITMQ_NODENAME=n"+port+"@localhost",
		"RABBITMQ_NODE_IP_ADDRESS=127.0.0.1", "RABBITMQ_NODE_PORT="+port,
		"RABBITMQ_DIST_PORT="+distribution,
		"ERL_EPMD_ADDRESS=127.0.0.1", "ERL_EPMD_PORT="+names,
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}")
	t.Cleanup(func() { stopEPMD(t, names) })
	return run(t, "127.0.0.1:"+port, pidFile, func() *exec.Cmd {
		cmd := exec.Command(program)
		cmd.Env = env
		return cmd
	})
}

// stopEPMD kills the Erlang port mapper daemon at the port. A node starts it, and it outlives the
// node. It is found by its environment, on systems with /proc.
func stopEPMD(t *testing.T, port string) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		env, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(env, []byte("ERL_EPMD_PORT="+port+"\x00")) {
			continue
		}
		var pid int
		if _, err := fmt.Sscanf(file, "/proc/%d/environ", &pid); err == nil {
			kill(pid)
		}
	}
}
