package bookclient_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/openzipkin/zipkin-go/model"

	"bookservice/cmd/internal/bookclient"
	"bookservice/cmd/internal/server"
	"bookservice/configs"
	"bookservice/discovery/etcdembed"
	"bookservice/tracer"
)

// TestTheTraceOfOneRun starts etcd and a server, runs the client once and checks all spans.
func TestTheTraceOfOneRun(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	etcd, err := etcdembed.Start(ctx, etcdembed.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer etcd.Close()
	quiet, spans := slog.New(slog.DiscardHandler), &tracer.Memory{}

	sc := configs.DefaultServer()
	sc.GRPCAddr, sc.DrainDelay = "127.0.0.1:0", 0
	sc.Guards.RateMode = "off"
	sc.Discovery.Etcd, sc.Tracer.Backend = etcd.Endpoints(), "memory"
	srv, err := server.Start(ctx, sc, quiet, tracer.WithMemory(spans))
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Stop()

	cc := configs.DefaultClient()
	cc.Lang, cc.Wait = "zh", 20*time.Second
	cc.Discovery.Etcd, cc.Tracer.Backend = etcd.Endpoints(), "memory"
	var out bytes.Buffer
	if err := bookclient.Run(ctx, cc, &out, quiet, tracer.WithMemory(spans)); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	if len(lines) != 8 || !strings.HasPrefix(lines[0], "请求服务: "+srv.Addr()+" 当前时间: ") ||
		lines[2] != "bookId: 1  =>  bookName: 21天精通php" ||
		lines[5] != "bookId: 2  =>  bookName: 21天精通java" {
		t.Errorf("have output\n%s", out.String())
	}

	byID := map[model.ID]model.SpanModel{}
	kinds := map[model.Kind]int{}
	for _, s := range spans.Spans() {
		byID[s.ID] = s
		kinds[s.Kind]++
	}
	if len(byID) != 5 || kinds[""] != 1 || kinds[model.Client] != 2 || kinds[model.Server] != 2 {
		t.Fatalf("have kinds %v, want bookCaller, 2 CLIENT and 2 SERVER", kinds)
	}
	services := map[model.Kind]string{
		"": "bookclient", model.Client: "bookclient", model.Server: "bookserver",
	}
	for _, s := range byID {
		if want := "trace: " + s.TraceID.String(); lines[6] != want {
			t.Errorf("have %q, want %q", lines[6], want)
		}
		want := services[s.Kind]
		if s.LocalEndpoint.ServiceName != want {
			t.Errorf("%s %s has the service %s, want %s",
				s.Kind, s.Name, s.LocalEndpoint.ServiceName, want)
		}
		if s.Kind == "" {
			continue
		}
		addr := fmt.Sprintf("%s:%d", s.LocalEndpoint.IPv4, s.LocalEndpoint.Port)
		if s.Kind == model.Server && addr != srv.Addr() {
			t.Errorf("%s %s has the address %s, want %s", s.Kind, s.Name, addr, srv.Addr())
		}
		if s.ParentID == nil || byID[*s.ParentID].ID == 0 {
			t.Errorf("%s %s has no parent among the spans", s.Kind, s.Name)
			continue
		}
		parent := byID[*s.ParentID]
		ok := parent.Name == "bookCaller"
		if s.Kind == model.Server {
			ok = parent.Kind == model.Client && parent.Name == s.Name
		}
		if !ok {
			t.Errorf("%s %s has the parent %s %s", s.Kind, s.Name, parent.Kind, parent.Name)
		}
		if s.RemoteEndpoint == nil || s.RemoteEndpoint.Port == 0 {
			t.Errorf("%s %s has remote endpoint %v", s.Kind, s.Name, s.RemoteEndpoint)
		}
	}
}
