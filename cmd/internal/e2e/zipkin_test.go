package e2e_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/openzipkin/zipkin-go/model"

	"bookservice/cmd/internal/bookclient"
	"bookservice/cmd/internal/server"
	"bookservice/configs"
	"bookservice/discovery/etcdembed"
	"bookservice/tracer/tracertest"
)

var quiet = slog.New(slog.DiscardHandler)

// once runs a server and a client against the etcd and returns the client's output when both have flushed.
func once(t *testing.T, etcd []string, url, serverTracer, clientTracer string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	sc, err := configs.ParseServer([]string{"-grpc-addr", "127.0.0.1:0", "-drain-delay", "0s", "-etcd", etcd[0],
		"-zipkin-url", url, "-tracer", serverTracer}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	cc, err := configs.ParseClient([]string{"-etcd", etcd[0], "-zipkin-url", url, "-tracer", clientTracer}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	srv, err := server.Start(ctx, sc, quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Stop()
	var out bytes.Buffer
	if err := bookclient.Run(ctx, cc, &out, quiet); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestRealZipkinDrawsTheLine(t *testing.T) {
	zipkin := tracertest.StartZipkin(t)
	url := zipkin.URL + "/api/v2/spans"
	etcd, err := etcdembed.Start(t.Context(), etcdembed.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer etcd.Close()

	if once(t, etcd.Endpoints(), url, "noop", "noop"); zipkin.Received(t) != 0 {
		t.Errorf("have %d spans with noop on both sides, want none", zipkin.Received(t))
	}

	out := once(t, etcd.Endpoints(), url, "zipkin", "zipkin")
	_, rest, _ := strings.Cut(out, "trace: ")
	id, address, _ := strings.Cut(strings.TrimSpace(rest), "  ")
	if want := zipkin.URL + "/zipkin/traces/" + id; address != want || len(id) != 32 {
		t.Errorf("have trace %q at %q, want it at %q", id, address, want)
	}
	spans := zipkin.Trace(t, id, 5)
	checkTrace(t, spans)
	links := zipkin.Dependencies(t)
	if len(links) != 1 || links[0] != (tracertest.Link{Parent: "bookclient", Child: "bookserver", CallCount: 2}) {
		t.Errorf("have links %v, want bookclient to bookserver with 2 calls", links)
	}
	if n := zipkin.Received(t); n != 5 {
		t.Errorf("have %d spans received, want 5", n)
	}
	once(t, etcd.Endpoints(), url, "zipkin", "noop")
	if n := zipkin.Received(t); n != 7 {
		t.Errorf("have %d spans received, want the server's two more", n)
	}
}

func checkTrace(t *testing.T, spans []model.SpanModel) {
	t.Helper()
	if len(spans) != 5 {
		t.Fatalf("have %d spans, want 5", len(spans))
	}
	byID := map[model.ID]model.SpanModel{}
	for _, s := range spans {
		byID[s.ID] = s
	}
	for _, s := range spans {
		var parent model.SpanModel
		if s.ParentID != nil {
			parent = byID[*s.ParentID]
		}
		switch s.Kind {
		case "":
			if s.Name != "bookcaller" || s.ParentID != nil || s.LocalEndpoint.ServiceName != "bookclient" {
				t.Errorf("have root %+v", s)
			}
		case model.Client:
			if parent.Name != "bookcaller" || s.LocalEndpoint.ServiceName != "bookclient" ||
				s.RemoteEndpoint == nil || s.RemoteEndpoint.ServiceName != "bookserver" || s.RemoteEndpoint.Port == 0 {
				t.Errorf("have client span %+v below %q", s, parent.Name)
			}
		case model.Server:
			if parent.Kind != model.Client || parent.Name != s.Name || s.LocalEndpoint.ServiceName != "bookserver" ||
				s.LocalEndpoint.Port == 0 || s.RemoteEndpoint == nil {
				t.Errorf("have server span %+v below %q", s, parent.Name)
			}
		}
		if _, failed := s.Tags["error"]; failed || (s.Kind != "" && s.Tags["rpc.grpc.status_code"] != "0") {
			t.Errorf("have tags %v", s.Tags)
		}
	}
}
