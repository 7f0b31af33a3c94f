package server_test

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"bookservice/api/book"
	"bookservice/cmd/internal/server"
	"bookservice/configs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

// alone returns the configuration of a server that needs no etcd and no collector.
func alone() configs.Server {
	c := configs.DefaultServer()
	c.GRPCAddr, c.DrainDelay, c.AdminAddr = "127.0.0.1:0", 0, "127.0.0.1:0"
	c.Discovery.Kind, c.Discovery.Instances = "static", []string{"127.0.0.1:1"}
	c.Tracer.Backend, c.Tracer.FlushTimeout = "zipkin,otlp,log,memory", 100*time.Millisecond
	c.Tracer.Zipkin.URL = "http://127.0.0.1:1/api/v2/spans"
	c.Tracer.OTLP.Endpoint = "http://127.0.0.1:1"
	return c
}

// call makes one call on a connection of its own.
func call(t *testing.T, addr string) error {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, err = book.NewBookServiceClient(conn).GetBookInfo(ctx, &book.BookInfoParams{BookId: 1})
	return err
}

// After Stop nothing is left running, also if the collectors are down.
func TestStopLeavesNothingRunning(t *testing.T) {
	before := goleak.IgnoreCurrent()
	s, err := server.Start(t.Context(), alone(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	if err := call(t, s.Addr()); err != nil {
		t.Error(err)
	}
	s.Stop()
	if l, err := net.Listen("tcp", s.Addr()); err != nil {
		t.Errorf("the address is still in use: %v", err)
	} else {
		l.Close()
	}
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
}

// A start that fails, in whatever step, leaves nothing running and no address in use.
func TestAFailedStartLeavesNothingRunning(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	for name, change := range map[string]func(*configs.Server){
		"books":  func(c *configs.Server) { c.Books = filepath.Join(t.TempDir(), "none.json") },
		"listen": func(c *configs.Server) { c.GRPCAddr = busy.Addr().String() },
		"tracer": func(c *configs.Server) {
			c.Tracer.Backend, c.Tracer.File.Path = "zipkin,file", t.TempDir()
		},
		"discovery": func(c *configs.Server) { c.Discovery.Kind = "consul" },
		"admin":     func(c *configs.Server) { c.AdminAddr = busy.Addr().String() },
		"register": func(c *configs.Server) {
			c.Discovery.Kind, c.Discovery.Etcd = "etcd", []string{"127.0.0.1:1"}
			c.Discovery.Timeout = 100 * time.Millisecond
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			free, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			free.Close()
			c := alone()
			c.GRPCAddr = free.Addr().String()
			change(&c)
			if _, err := server.Start(t.Context(), c, quiet); err == nil {
				t.Fatal("it started")
			}
			if c.GRPCAddr == free.Addr().String() {
				if l, err := net.Listen("tcp", c.GRPCAddr); err != nil {
					t.Errorf("the address is still in use: %v", err)
				} else {
					l.Close()
				}
			}
			if err := goleak.Find(before); err != nil {
				t.Error(err)
			}
		})
	}
}
