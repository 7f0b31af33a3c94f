package e2e_test

import (
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"bookservice/tracer/tracertest/testkit"
)

// plant is a part of each secret in these tests.
const plant = "PL4NTED"

// secretSettings have a secret each. Most of them are not in force.
var secretSettings = map[string]string{
	"zipkin-user":     "root",
	"zipkin-password": plant + "-zipkin@/?#:%password",
	"zipkin-headers":  "x-key=" + plant + "-zipkin-headers",
	"zipkin-url":      "http://root:" + plant + "@127.0.0.1:1/api/v2/spans?key=" + plant + "-query",
	"kafka-sasl":      "plain",
	"kafka-user":      "root",
	"kafka-password":  plant + "-kafka@/?#:%password",
	"rabbitmq-url":    "amqp://root:" + plant + "-rabbitmq-url@127.0.0.1:1/",
	"otlp-headers":    "x-key=" + plant + "-otlp-headers",
}

// No output shows a secret while destinations are down or refuse it. All output counts, of both
// commands, from the start to the last flush.
func TestNoOutputShowsASecretInFailures(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, "refused: "+r.Header.Get("Authorization")+r.Header.Get("X-Key"))
	}))
	t.Cleanup(refusing.Close) // after the parallel subtests
	redirect := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, refusing.URL+"/?key="+r.Header.Get("X-Key"), http.StatusFound)
	}
	redirecting := httptest.NewServer(http.HandlerFunc(redirect))
	t.Cleanup(redirecting.Close)
	kafka, err := kfake.NewCluster(kfake.EnableSASL(), kfake.Superuser("PLAIN", "root", "other"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	closed, host := testkit.ClosedAddr(t), strings.TrimPrefix(refusing.URL, "http://")
	const key = "/?key=" + plant
	withSecrets := func(scheme, addr string) string {
		return scheme + "://root:" + plant + "@" + addr + "/api/v2/spans?key=" + plant
	}
	for name, args := range map[string][]string{
		"noop":              {"-tracer", "noop"},
		"zipkin is down":    {"-tracer", "zipkin"},
		"zipkin refuses":    {"-tracer", "zipkin", "-zipkin-url", withSecrets("http", host)},
		"zipkin redirects":  {"-tracer", "zipkin", "-zipkin-url", redirecting.URL + key},
		"zipkin has no TLS": {"-tracer", "zipkin", "-zipkin-url", withSecrets("https", host)},
		"zipkin has no address": {"-tracer", "zipkin",
			"-zipkin-url", withSecrets("http", "h.invalid")},
		"otlp is down": {"-tracer", "otlp", "-otlp-endpoint", "http://" + closed},
		"otlp refuses": {"-tracer", "otlp", "-otlp-protocol", "http/protobuf",
			"-otlp-endpoint", refusing.URL + key},
		"otlp over gRPC refuses": {"-tracer", "otlp", "-otlp-endpoint", refusing.URL + key},
		"kafka is down": {"-tracer", "zipkin", "-zipkin-transport", "kafka",
			"-kafka-brokers", closed},
		"kafka refuses": {"-tracer", "zipkin", "-zipkin-transport", "kafka",
			"-kafka-brokers", strings.Join(kafka.ListenAddrs(), ",")},
		"rabbitmq is down": {"-tracer", "zipkin", "-zipkin-transport", "rabbitmq"},
		"rabbitmq refuses": {"-tracer", "zipkin", "-zipkin-transport", "rabbitmq",
			"-rabbitmq-url", "amqp://root:" + plant + "@" + refusingRabbitMQ(t) + "/"},
		"all at once": {"-tracer", "zipkin,otlp,log,memory", "-otlp-endpoint", refusing.URL,
			"-service-name", "http://root:" + plant + "@h/", "-service-version", "v?key=" + plant},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			common := append([]string{"-discovery", "static", "-flush-timeout", "1s"}, args...)
			dir := t.TempDir()
			// bookserver has its secrets from a file, bookclient from the environment.
			p, addr := serve(t, append(common, "-instances", "127.0.0.1:1", "-drain-delay", "0s",
				"-config", secretsFile(t, dir))...)
			code, out, errs := do(t, "bookclient", append(common, "-instances", addr),
				secretVariables("BOOKCLIENT_", args)...)
			if code != 0 {
				t.Errorf("bookclient: have status %d: %s", code, errs)
			}
			p.signal(t, syscall.SIGTERM)
			if code := p.wait(t); code != 0 {
				t.Errorf("bookserver: have status %d", code)
			}
			checkNoSecret(t, "bookserver", p.out.String()+p.errs.String())
			checkNoSecret(t, "bookclient", out+errs)
			lost := strings.Contains(errs, "spans") && strings.Contains(p.errs.String(), "spans")
			if name != "noop" && !lost {
				t.Errorf("have no lost spans in\n%s\nand\n%s", p.errs.String(), errs)
			}
		})
	}
}

// No output shows a secret if a command does not start, or prints its settings.
func TestNoOutputShowsASecretAtTheStart(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	closed, file := testkit.ClosedAddr(t), secretsFile(t, t.TempDir())
	const (
		user    = "root:" + plant + "@"
		carrier = "http://" + user + "127.0.0.1:1/?key=" + plant
	)
	for name, args := range map[string][]string{
		"print-config":      {"-print-config"},
		"help":              {"-h"},
		"help for all":      {"-h", "all"},
		"etcd is down":      {"-etcd", closed, "-etcd-timeout", "100ms"},
		"etcd with a user":  {"-etcd", carrier},
		"etcd, a list":      {"-etcd", closed + "," + carrier},
		"instances":         {"-discovery", "static", "-instances", user + "127.0.0.1:1"},
		"discovery":         {"-discovery", carrier},
		"prefix":            {"-prefix", carrier},
		"address in use":    {"-grpc-addr", taken.Addr().String()},
		"admin's in use":    {"-admin-addr", taken.Addr().String()},
		"address":           {"-grpc-addr", plant + "@127.0.0.1:0"},
		"advertise":         {"-advertise", user + "127.0.0.1:1"},
		"books":             {"-books", carrier},
		"books, no URL":     {"-books", user + "h/books.json"},
		"spool":             {"-tracer", "zipkin", "-spool", "/dev/null/http://" + user + "h"},
		"span file":         {"-tracer", "file", "-file-path", "/dev/null/http://" + user + "h"},
		"certificates":      {"-tracer", "zipkin", "-zipkin-ca", carrier},
		"otlp with a user":  {"-tracer", "otlp", "-otlp-endpoint", carrier},
		"headers":           {"-zipkin-headers", plant + " " + plant},
		"token and user":    {"-zipkin-token", plant + "-token"},
		"unknown flag":      {"-zipkin-pasword=" + plant},
		"unquoted password": {"-zipkin-password", "a", plant},
	} {
		for _, command := range both {
			t.Run(name+"/"+command, func(t *testing.T) {
				t.Parallel()
				args := append([]string{"-config", file}, args...)
				if command == "bookclient" {
					args = append([]string{"-wait", "100ms"}, args...)
				} else if !slices.Contains(args, "-grpc-addr") {
					args = append(args, "-grpc-addr", "127.0.0.1:0", "-etcd-timeout", "1s")
				}
				code, out, errs := do(t, command, args)
				checkNoSecret(t, command, out+errs)
				if code == 0 && out == "" {
					t.Errorf("have status 0 and no output")
				}
			})
		}
	}
}

func checkNoSecret(t *testing.T, command, output string) {
	t.Helper()
	for line := range strings.Lines(output) {
		if strings.Contains(line, plant) {
			t.Errorf("%s shows a secret: %s", command, line)
		}
	}
}

// secretsFile returns the path of a file with secretSettings.
func secretsFile(t *testing.T, dir string) string {
	t.Helper()
	var text strings.Builder
	for key, value := range secretSettings {
		text.WriteString(key + ": '" + value + "'\n")
	}
	path := filepath.Join(dir, "secrets.yaml")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// secretVariables returns secretSettings as variables, without those that are arguments.
func secretVariables(prefix string, args []string) (all []string) {
	for key, value := range secretSettings {
		if !slices.Contains(args, "-"+key) {
			name := strings.ToUpper(strings.ReplaceAll(key, "-", "_"))
			all = append(all, prefix+name+"="+value)
		}
	}
	return all
}

// refusingRabbitMQ returns the address of a broker that refuses every login, as RabbitMQ does (AMQP
// 0-9-1, sections 2.2.4 and 2.3.5).
func refusingRabbitMQ(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	short := func(text string) []byte { return append([]byte{byte(len(text))}, text...) }
	long := func(text string) []byte {
		return append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)
	}
	start := slices.Concat([]byte{0, 10, 0, 10, 0, 9}, long(""), long("PLAIN"), long("en_US"))
	closing := slices.Concat([]byte{0, 10, 0, 50, 1, 147}, short("ACCESS_REFUSED"), make([]byte, 4))
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.ReadFull(conn, make([]byte, 8)) // the protocol header
				writeFrame(conn, start)
				skipFrame(conn) // start-ok, with the password
				writeFrame(conn, closing)
				skipFrame(conn) // close-ok
			}()
		}
	}()
	return l.Addr().String()
}

func writeFrame(w io.Writer, method []byte) {
	frame := binary.BigEndian.AppendUint32([]byte{1, 0, 0}, uint32(len(method)))
	_, _ = w.Write(append(append(frame, method...), 0xce))
}

func skipFrame(r io.Reader) {
	header := make([]byte, 7)
	if _, err := io.ReadFull(r, header); err == nil {
		_, _ = io.CopyN(io.Discard, r, int64(binary.BigEndian.Uint32(header[3:]))+1)
	}
}
