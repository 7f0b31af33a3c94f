package e2e_test

import (
	"compress/gzip"
	"context"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/openzipkin/zipkin-go/model"
	"github.com/openzipkin/zipkin-go/proto/zipkin_proto3"
	"google.golang.org/grpc"

	"bookservice/api/book"
	"bookservice/tracer/tracertest/testkit"
)

// A collector accepts spans as Zipkin does.
type collector struct {
	*httptest.Server
	mu    sync.Mutex
	spans []*model.SpanModel
}

func collect(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		spans, err := posted(r)
		if err != nil {
			http.Error(w, "no spans", http.StatusBadRequest)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.spans = append(c.spans, spans...)
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(c.Close)
	return c
}

// posted reads the spans of a request.
func posted(r *http.Request) ([]*model.SpanModel, error) {
	text := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, err
		}
		text = unzipped
	}
	body, err := io.ReadAll(text)
	if err != nil {
		return nil, err
	}
	return zipkin_proto3.ParseSpans(body, false)
}

// at returns the arguments that name the collector.
func (c *collector) at() []string {
	return []string{"-tracer", "zipkin", "-zipkin-url", c.URL + "/api/v2/spans"}
}

// names returns the sorted kinds and names of the spans.
func (c *collector) names() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []string
	for _, s := range c.spans {
		all = append(all, string(s.Kind)+" "+s.Name)
	}
	slices.Sort(all)
	return all
}

// A first signal ends bookserver in order: the call in flight gets its response, and all spans are
// sent before the process exits.
func TestFirstSignalEndsTheServerInOrder(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			c := collect(t)
			// The eleventh call waits in the server.
			p, conn := alone(t, append(c.at(), "-drain-delay", "0s",
				"-rate-mode", "delay", "-rate-burst", "10", "-rate-every", "2s")...)
			want := []string{"SERVER book.BookService/GetBookList"}
			books := book.NewBookServiceClient(conn)
			for range 10 {
				_, err := books.GetBookInfo(t.Context(), &book.BookInfoParams{BookId: 1})
				if err != nil {
					t.Fatal(err)
				}
				want = append(want, "SERVER book.BookService/GetBookInfo")
			}
			call, err := conn.NewStream(t.Context(), &grpc.StreamDesc{},
				"/book.BookService/GetBookList")
			if err == nil {
				err = call.SendMsg(&book.BookListParams{})
			}
			if err != nil {
				t.Fatal(err)
			}
			p.signal(t, s)
			var list book.BookList
			if err := call.RecvMsg(&list); err != nil || len(list.GetBookList()) != 2 {
				t.Errorf("have %v, %v for the call in flight, want its response", &list, err)
			}
			if code := p.wait(t); code != 0 {
				t.Errorf("have status %d, want 0", code)
			}
			slices.Sort(want)
			if have := c.names(); !slices.Equal(have, want) {
				t.Errorf("have spans %q, want %q", have, want)
			}
		})
	}
}

// stuck is a book service that never responds.
type stuck struct {
	book.UnimplementedBookServiceServer
	called, left chan struct{}
}

func (s stuck) GetBookInfo(ctx context.Context, _ *book.BookInfoParams) (*book.BookInfo, error) {
	close(s.called)
	<-ctx.Done()
	close(s.left)
	return nil, ctx.Err()
}

// A first signal cancels bookclient's call, on the server too, and its spans are sent.
func TestFirstSignalEndsTheClientInOrder(t *testing.T) {
	t.Parallel()
	c := collect(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, s := grpc.NewServer(), stuck{called: make(chan struct{}), left: make(chan struct{})}
	book.RegisterBookServiceServer(server, s)
	go func() { _ = server.Serve(l) }()
	defer server.Stop()
	p := start(t, "bookclient",
		append(c.at(), "-discovery", "static", "-instances", l.Addr().String()))
	arrives(t, "the call", s.called)
	p.signal(t, syscall.SIGINT)
	arrives(t, "the end of the call", s.left)
	code, errs := p.wait(t), p.errs.String()
	if code != 0 || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, "Canceled: ") {
		t.Errorf("have status %d and %q, want 0 and a line with Canceled", code, errs)
	}
	want := []string{"CLIENT book.BookService/GetBookInfo", "SPAN_KIND_UNSPECIFIED bookCaller"}
	if have := c.names(); !slices.Equal(have, want) {
		t.Errorf("have spans %q, want %q", have, want)
	}
}

// A signal while a command waits for etcd ends it, in order. One line names the etcd.
func TestSignalDuringStart(t *testing.T) {
	t.Parallel()
	for command, args := range map[string][]string{
		"bookserver": {"-grpc-addr", "127.0.0.1:0"},
		"bookclient": {"-wait", "1h"},
	} {
		t.Run(command, func(t *testing.T) {
			silent, accepted := silentAddr(t)
			p := start(t, command, append(args, "-etcd", silent,
				"-etcd-timeout", "1h", "-etcd-dial-timeout", "1h"))
			arrives(t, "a connection to etcd", accepted)
			p.signal(t, syscall.SIGTERM)
			code, out, errs := p.wait(t), p.out.String(), p.errs.String()
			line := strings.HasPrefix(errs, command+": interrupted: ") &&
				strings.Contains(errs, silent) && strings.Count(errs, "\n") == 1
			if code != 0 || !line || out != "" {
				t.Errorf("have status %d, %q and %q, want 0 and one line that names %s",
					code, out, errs, silent)
			}
		})
	}
	t.Run("bookdemo", func(t *testing.T) {
		p := start(t, "bookdemo", nil)
		testkit.Eventually(t, "the demo has begun", func() bool { return p.out.String() != "" })
		p.signal(t, syscall.SIGINT)
		if code := p.wait(t); code != 0 {
			t.Errorf("have status %d and %q, want 0", code, p.errs.String())
		}
	})
}

// The largest duration is no limit: each step of the shutdown takes place.
func TestShutdownWithTheLargestLimits(t *testing.T) {
	t.Parallel()
	e := startEtcd(t)
	longest := time.Duration(math.MaxInt64).String()
	p, _ := serve(t, append(e.at(), "-etcd-timeout", longest, "-drain-timeout", longest,
		"-flush-timeout", longest)...)
	p.signal(t, syscall.SIGTERM)
	code, errs := p.wait(t), p.errs.String()
	if code != 0 || strings.Contains(errs, "not closed") || len(e.registered(t)) > 0 {
		t.Errorf("have status %d, %q and the keys %v, want 0, no error and no key",
			code, errs, e.registered(t))
	}
}

// A SIGTERM after SIGHUP does not end the shutdown: both come when a user logs out. The next one
// does.
func TestSIGTERMAfterSIGHUP(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	e := startEtcd(t)
	for _, again := range []bool{false, true} {
		drain := "1s"
		if again {
			drain = "1h"
		}
		p, _ := serve(t, append(e.at(), "-drain-delay", drain)...)
		p.signal(t, syscall.SIGHUP)
		testkit.Eventually(t, "it deregisters", func() bool { return len(e.registered(t)) == 0 })
		p.signal(t, syscall.SIGTERM)
		want := 0
		if again {
			stays(t, 200*time.Millisecond, "it waits", func() bool {
				select {
				case <-p.done:
					return false
				default:
					return true
				}
			})
			p.signal(t, syscall.SIGTERM)
			want = -1
		}
		if code := p.wait(t); code != want {
			t.Errorf("again %v: have status %d and %q, want %d", again, code, p.errs.String(), want)
		}
	}
}

// A second signal kills a command at once, whatever it waits for.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	ended := func(p *process) bool {
		select {
		case <-p.done:
			return true
		default:
			return false
		}
	}
	again := func(t *testing.T, p *process) {
		t.Helper()
		stays(t, 200*time.Millisecond, "it waits", func() bool { return !ended(p) })
		p.signal(t, syscall.SIGTERM)
		if code := p.wait(t); code != -1 {
			t.Errorf("have status %d, want death by the second signal", code)
		}
	}
	t.Run("bookserver", func(t *testing.T) {
		e := startEtcd(t)
		p, _ := serve(t, append(e.at(), "-drain-delay", "1h")...)
		p.signal(t, syscall.SIGINT)
		testkit.Eventually(t, "it deregisters", func() bool { return len(e.registered(t)) == 0 })
		again(t, p)
	})
	t.Run("bookclient", func(t *testing.T) {
		_, addr := serve(t, "-discovery", "static", "-instances", "127.0.0.1:1")
		silent, accepted := silentAddr(t)
		p := start(t, "bookclient", []string{"-discovery", "static", "-instances", addr,
			"-tracer", "zipkin", "-zipkin-url", "http://" + silent, "-flush-timeout", "1h"})
		arrives(t, "the spans", accepted)
		p.signal(t, syscall.SIGINT)
		again(t, p)
	})
}
