package e2e_test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"

	"bookservice/api/book"
	"bookservice/tracer/tracertest/testkit"
)

// What a client has open when the server gets a signal.
var open = map[string]struct {
	early bool // no part of -drain-timeout is spent on it
	open  func(t *testing.T, addr string)
}{
	"nothing": {true, func(*testing.T, string) {}},
	"a silent connection": {true, func(t *testing.T, addr string) {
		for range 3 {
			dialTCP(t, addr)
		}
	}},
	"half a preface": {true, func(t *testing.T, addr string) {
		fmt.Fprint(dialTCP(t, addr), "PRI * HTTP/2.0\r\n")
	}},
	"an idle connection": {true, func(t *testing.T, addr string) { rawDial(t, addr) }},
	"a health watch": {true, func(t *testing.T, addr string) {
		watch, err := healthpb.NewHealthClient(dial(t, addr)).
			Watch(t.Context(), &healthpb.HealthCheckRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if r, err := watch.Recv(); err != nil || r.GetStatus() != serviceUp {
			t.Fatalf("have %v, %v, want SERVING", r, err)
		}
		t.Cleanup(func() {
			if r, err := watch.Recv(); err != nil || r.GetStatus() != serviceDown {
				t.Errorf("have %v, %v, want NOT_SERVING", r, err)
			}
			if r, err := watch.Recv(); err == nil {
				t.Errorf("have %v after NOT_SERVING, want the end of the stream", r)
			}
		})
	}},
	"a reflection stream": {true, func(t *testing.T, addr string) {
		client := reflectionpb.NewServerReflectionClient(dial(t, addr))
		stream, err := client.ServerReflectionInfo(t.Context())
		if err == nil {
			err = stream.Send(&reflectionpb.ServerReflectionRequest{
				MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}})
		}
		if err == nil {
			_, err = stream.Recv()
		}
		if err != nil {
			t.Fatal(err)
		}
	}},
	"a call without its request": {false, func(t *testing.T, addr string) {
		conn := dial(t, addr)
		_, err := conn.NewStream(t.Context(), &grpc.StreamDesc{}, "/book.BookService/GetBookInfo")
		if err == nil { // the response means that the server has the stream before it
			_, err = healthpb.NewHealthClient(conn).Check(
				t.Context(), &healthpb.HealthCheckRequest{})
		}
		if err != nil {
			t.Fatal(err)
		}
	}},
	"a client that does not read": {false, func(t *testing.T, addr string) {
		const window = 4 // SETTINGS_INITIAL_WINDOW_SIZE
		c := rawDial(t, addr, window, 1<<30)
		c.send(frameWindowUpdate, 0, 0, []byte{0x3f, 0xff, 0, 0})
		c.call(1, "GetBookList", &book.BookListParams{Page: 1, Limit: 1000})
		c.next(limit) // the server's settings: the rest stays unread
	}},
}

const (
	serviceUp   = healthpb.HealthCheckResponse_SERVING
	serviceDown = healthpb.HealthCheckResponse_NOT_SERVING
)

func dialTCP(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// largeCatalogue returns a file with books whose list is larger than what a connection buffers.
func largeCatalogue(t *testing.T) string {
	t.Helper()
	type entry struct {
		ID   int    `json:"id"`
		Name string `json:"name"`
	}
	var books []entry
	for i := range 900 {
		books = append(books, entry{i + 1, strings.Repeat("x", 20_000)})
	}
	text, err := json.Marshal(books)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "books.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A signal ends bookserver within -drain-timeout, whatever is open: it leaves etcd, sends its
// spans, and has status 0.
func TestASignalEndsTheServerWhateverIsOpen(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	e := startEtcd(t)
	books := largeCatalogue(t)
	for name, test := range open {
		for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP} {
			t.Run(name+" "+s.String(), func(t *testing.T) {
				t.Parallel()
				c := collect(t)
				drain, most := 25*time.Second, 20*time.Second
				if !test.early {
					drain, most = 2*time.Second, 20*time.Second
				}
				p, addr := serve(t, append(append(e.at(), c.at()...), "-books", books,
					"-drain-delay", "0s", "-drain-timeout", drain.String())...)
				callOnce(t, addr)
				test.open(t, addr)
				p.signal(t, s)
				began := time.Now()
				if code := p.wait(t); code != 0 {
					t.Errorf("have status %d, want 0", code)
				}
				if took := time.Since(began); took > most {
					t.Errorf("the end took %v, want %v at most", took, most)
				}
				if slices.Contains(e.registered(t), addr) {
					t.Error("the key is still in etcd")
				}
				want := "SERVER book.BookService/GetBookInfo"
				if have := c.names(); !slices.Contains(have, want) {
					t.Errorf("have spans %q, want %s among them", have, want)
				}
			})
		}
	}
}

// callOnce makes a call.
func callOnce(t *testing.T, addr string) {
	t.Helper()
	client := book.NewBookServiceClient(dial(t, addr))
	if _, err := client.GetBookInfo(t.Context(), &book.BookInfoParams{BookId: 1}); err != nil {
		t.Fatal(err)
	}
}

// A terminal that is closed sends SIGHUP more than once: that does not kill a command.
func TestRepeatedHangups(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	e := startEtcd(t)
	p, _ := serve(t, append(e.at(), "-drain-delay", "1s")...)
	p.signal(t, syscall.SIGHUP)
	testkit.Eventually(t, "it deregisters", func() bool { return len(e.registered(t)) == 0 })
	for range 3 {
		p.signal(t, syscall.SIGHUP)
	}
	if code := p.wait(t); code != 0 {
		t.Errorf("have status %d, want 0", code)
	}
}

// A server that was started by nohup goes on after SIGHUP.
func TestNohup(t *testing.T) {
	t.Parallel()
	e := startEtcd(t)
	addr := testkit.FreeAddr(t)
	args := append(e.at(), "-grpc-addr", addr, "-ttl", ttl.String(), "-drain-delay", "0s")
	p := startWith(t, "bookserver", args, func(c *exec.Cmd) {
		script := `trap "" HUP; exec "$0" "$@"`
		c.Args = append([]string{"sh", "-c", script, c.Path}, args...)
		c.Path = "/bin/sh"
	})
	testkit.Eventually(t, "it registers", func() bool { return len(e.registered(t)) == 1 })
	p.signal(t, syscall.SIGHUP)
	stays(t, 300*time.Millisecond, "it is registered", func() bool {
		return len(e.registered(t)) == 1
	})
	callOnce(t, addr)
	p.signal(t, syscall.SIGTERM)
	if code := p.wait(t); code != 0 || len(e.registered(t)) != 0 {
		t.Errorf("have status %d and keys %q, want 0 and none", code, e.registered(t))
	}
}

// The spans are sent and the status is 0 also if etcd is down at the end.
func TestASignalWhileEtcdIsDown(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	e, c := startEtcd(t), collect(t)
	p, addr := serve(t, append(append(e.at(), c.at()...),
		"-drain-delay", "0s", "-etcd-timeout", "1s")...)
	callOnce(t, addr)
	e.Stop()
	p.signal(t, syscall.SIGTERM)
	if code := p.wait(t); code != 0 {
		t.Errorf("have status %d, want 0", code)
	}
	if have := c.names(); len(have) != 1 {
		t.Errorf("have spans %q, want one", have)
	}
}
