package e2e_test

import (
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer/tracertest/zipkinserver"
)

// oneRun starts a server, runs the client once and stops the server, which flushes all spans. It
// returns the client's output.
func oneRun(t *testing.T, e *etcd, z *zipkinserver.Server, serverTracer, clientTracer string,
	args ...string) string {
	t.Helper()
	common := append(append(e.at(), "-zipkin-url", z.URL+"/api/v2/spans"), args...)
	server, _ := serve(t, append(common, "-tracer", serverTracer, "-drain-delay", "0s")...)
	code, out, errs := do(t, "bookclient", append(common, "-tracer", clientTracer))
	if code != 0 {
		t.Fatalf("bookclient: status %d: %s", code, errs)
	}
	server.signal(t, syscall.SIGTERM)
	if code := server.wait(t); code != 0 {
		t.Fatalf("bookserver: status %d after SIGTERM", code)
	}
	return out
}

func TestTheWholeLineInARealZipkin(t *testing.T) {
	t.Parallel()
	z, e := zipkinserver.Start(t), startEtcd(t)

	oneRun(t, e, z, "noop", "noop")
	if n := z.Received(t, 0); n != 0 {
		t.Errorf("have %d spans with noop on both sides, want none", n)
	}

	out := oneRun(t, e, z, "zipkin", "zipkin")
	_, line, _ := strings.Cut(out, "trace: ")
	id, address, _ := strings.Cut(strings.TrimSpace(line), "  ")
	if want := z.URL + "/zipkin/traces/" + id; address != want || len(id) != 32 {
		t.Fatalf("have trace %q at %q, want it at %q", id, address, want)
	}
	checkTrace(t, z.Trace(t, id, 5))
	if n := z.Received(t, 5); n != 5 {
		t.Errorf("have %d spans received, want exactly 5", n)
	}
	links := z.Dependencies(t, 1)
	want := []zipkinserver.Link{{Parent: "bookclient", Child: "bookserver", CallCount: 2}}
	if !slices.Equal(links, want) {
		t.Errorf("have links %v, want %v", links, want)
	}
	oneRun(t, e, z, "zipkin", "noop")
	roots := z.Roots(t, "bookserver", 2)
	if n := z.Received(t, 7); n != 7 || len(roots) != 2 {
		t.Errorf("have %d spans received and roots %v, want two more of the server", n, roots)
	}
	for _, s := range roots {
		if s.Kind != model.Server {
			t.Errorf("have root %+v, want a SERVER span", s)
		}
	}

	// Short ids, for old peers, give the same trace.
	out = oneRun(t, e, z, "zipkin", "zipkin", "-trace-id-bits", "64")
	_, line, _ = strings.Cut(out, "trace: ")
	if id, _, _ = strings.Cut(strings.TrimSpace(line), "  "); len(id) != 16 {
		t.Errorf("have trace %q, want an id of 64 bits", id)
	}
	checkTrace(t, z.Trace(t, id, 5))
}

// checkTrace checks the five spans of one run.
func checkTrace(t *testing.T, spans []model.SpanModel) {
	t.Helper()
	byID := map[model.ID]model.SpanModel{}
	kinds := map[model.Kind]int{}
	for _, s := range spans {
		byID[s.ID] = s
		kinds[s.Kind]++
	}
	if len(spans) != 5 || len(byID) != 5 ||
		kinds[""] != 1 || kinds[model.Client] != 2 || kinds[model.Server] != 2 {
		t.Fatalf("have %d spans with %d ids of kinds %v, want bookCaller, 2 CLIENT and 2 SERVER",
			len(spans), len(byID), kinds)
	}
	for _, s := range spans {
		var parent model.SpanModel
		if s.ParentID != nil {
			parent = byID[*s.ParentID]
		}
		local, remote := s.LocalEndpoint, s.RemoteEndpoint
		switch s.Kind {
		case model.Client:
			if parent.Name != "bookcaller" || local.ServiceName != "bookclient" ||
				remote == nil || remote.ServiceName != "bookserver" ||
				remote.Port == 0 || remote.IPv4.String() != "127.0.0.1" {
				t.Errorf("have CLIENT %q of %+v to %+v with parent %q",
					s.Name, local, remote, parent.Name)
			}
		case model.Server:
			if parent.Kind != model.Client || parent.Name != s.Name ||
				local.ServiceName != "bookserver" || remote == nil ||
				local.Port != parent.RemoteEndpoint.Port || remote.Port == 0 {
				t.Errorf("have SERVER %q of %+v from %+v with parent %s %q",
					s.Name, local, remote, parent.Kind, parent.Name)
			}
		default:
			if s.Name != "bookcaller" || s.ParentID != nil ||
				local.ServiceName != "bookclient" || remote != nil {
				t.Errorf("have root %+v", s)
			}
		}
		if failed, ok := s.Tags["error"]; ok {
			t.Errorf("%q has error=%q", s.Name, failed)
		}
		if s.Kind != "" && (s.Tags["rpc.grpc.status_code"] != "0" ||
			s.Tags["rpc.system"] != "grpc" ||
			s.Tags["rpc.service"]+"/"+s.Tags["rpc.method"] == "/" || s.Duration == 0) {
			t.Errorf("%q has tags %v and duration %v", s.Name, s.Tags, s.Duration)
		}
	}
}
