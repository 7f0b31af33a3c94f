package e2e_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// Bad input is one line on stderr that says what, where and what is allowed, and status 2; nothing was started.
func TestBadInput(t *testing.T) {
	t.Parallel()
	e := startEtcd(t)
	var posts atomic.Int64
	sink := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { posts.Add(1) }))
	defer sink.Close()
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	folder := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	both, server, client := []string{"bookserver", "bookclient"}, []string{"bookserver"}, []string{"bookclient"}
	for name, test := range map[string]struct {
		commands []string
		args     []string
		env      string
		want     []string // that the line has
	}{
		"flag":               {both, []string{"-nope"}, "", []string{"-nope", "-h lists all"}},
		"demo's flag":        {[]string{"bookdemo"}, []string{"-nope"}, "", []string{"bookdemo", "-nope"}},
		"argument":           {both, []string{"extra"}, "", []string{`"extra"`, "flags"}},
		"value":              {both, []string{"-ttl", "soon"}, "", []string{"ttl", `"soon"`, "a duration like"}},
		"key":                {both, []string{"-config", file("key.yaml", "zipkin-urll: x\n")}, "", []string{"key.yaml", `"zipkin-urll"`, "-h lists all"}},
		"not YAML":           {both, []string{"-config", file("not.yaml", "a: [\n")}, "", []string{"not.yaml", "line 1"}},
		"number":             {both, []string{"-sample", "half"}, "", []string{"sample", `"half"`, "a number"}},
		"value in a file":    {both, []string{"-config", file("value.yaml", "ttl: soon\n")}, "", []string{"value.yaml", `"ttl"`, `"soon"`, "a duration like"}},
		"no such file":       {both, []string{"-config", filepath.Join(folder, "none.yaml")}, "", []string{"none.yaml", "no such file"}},
		"backend":            {both, []string{"-tracer", "zipkn"}, "", []string{`"zipkn"`, "file, log, memory, noop, otlp, zipkin"}},
		"discovery":          {both, []string{"-discovery", "etdc"}, "", []string{`"etdc"`, "etcd, static"}},
		"URL":                {both, []string{"-tracer", "zipkin", "-zipkin-url", "127.0.0.1:9411"}, "", []string{"zipkin-url", `"127.0.0.1:9411"`, "http://"}},
		"share":              {both, []string{"-tracer", "zipkin", "-sample", "2"}, "", []string{"sample 2", "0 to 1"}},
		"etcd's address":     {both, []string{"-etcd", "nowhere"}, "", []string{"etcd", `"nowhere"`, "host:port"}},
		"static, no list":    {both, []string{"-discovery", "static", "-instances", "x"}, "", []string{"instances", `"x"`}},
		"address in use":     {server, nil, "", []string{busy.Addr().String(), "in use"}},
		"no host":            {server, []string{"-grpc-addr", ":50051"}, "", []string{`":50051"`, "-advertise host:port"}},
		"advertise":          {server, []string{"-grpc-addr", ":0", "-advertise", "x"}, "", []string{"advertise", `"x"`, "host:port"}},
		"admin for all":      {server, []string{"-admin-addr", "0.0.0.0:9090"}, "", []string{`admin-addr "0.0.0.0:9090"`, "loopback"}},
		"rate mode":          {server, []string{"-rate-mode", "maybe"}, "", []string{`"maybe"`, "delay, reject or off"}},
		"books: no file":     {server, []string{"-books", filepath.Join(folder, "none.json")}, "", []string{"none.json", "no such file"}},
		"books: not JSON":    {server, []string{"-books", file("not.json", "[{")}, "", []string{"not.json"}},
		"books: twice":       {server, []string{"-books", file("twice.json", `[{"id":1,"name":"a"},{"id":1,"name":"b"}]`)}, "", []string{"twice.json", "entry 2", "1"}},
		"books: id":          {server, []string{"-books", file("id.json", `[{"id":0,"name":"a"}]`)}, "", []string{"id.json", "entry 1", "0"}},
		"books: name":        {server, []string{"-books", file("name.json", `[{"id":1,"name":""}]`)}, "", []string{"name.json", "entry 1", "name"}},
		"books: UTF-8":       {server, []string{"-books", file("utf8.json", "[{\"id\":1,\"name\":\"\xff\"}]")}, "", []string{"utf8.json", "entry 1", "UTF-8"}},
		"id":                 {client, []string{"-id", "4294967296"}, "", []string{"id 4294967296", "32 bits"}},
		"runs":               {client, []string{"-n", "0"}, "", []string{"n 0", "1 or more"}},
		"language":           {client, []string{"-lang", "fr"}, "", []string{`"fr"`, "zh, en"}},
		"attempts":           {client, []string{"-retry-attempts", "0"}, "", []string{"retry-attempts 0", "1 or more"}},
		"server environment": {server, nil, "BOOKSERVER_TTL=soon", []string{"BOOKSERVER_TTL", `"soon"`, "a duration like"}},
		"client environment": {client, nil, "BOOKCLIENT_WAIT=soon", []string{"BOOKCLIENT_WAIT", `"soon"`, "a duration like"}},
		"demo's environment": {[]string{"bookdemo"}, nil, "BOOKDEMO_EXIT=perhaps", []string{"BOOKDEMO_EXIT", `"perhaps"`, "true or false"}},
		"demo's language":    {[]string{"bookdemo"}, []string{"-lang", "fr"}, "", []string{`"fr"`, "zh, en"}},
		"file by variable":   {server, nil, "BOOKSERVER_CONFIG=" + filepath.Join(folder, "none.yaml"), []string{"none.yaml", "no such file"}},
		"URL's port":         {both, []string{"-tracer", "zipkin", "-zipkin-url", "http://127.0.0.1:99999/"}, "", []string{"zipkin-url", ":99999/", "like http://"}},
		"port":               {server, []string{"-grpc-addr", "127.0.0.1:99999"}, "", []string{"grpc-addr", ":99999", "0 to 65535"}},
		"etcd is not there":  {server, []string{"-grpc-addr", "127.0.0.1:0", "-etcd", closed(t), "-etcd-timeout", "1s"}, "", []string{"etcd", "did not answer"}},
	} {
		for _, command := range test.commands {
			t.Run(name+"/"+command, func(t *testing.T) {
				var args []string
				if command != "bookdemo" {
					args = []string{"-tracer", "zipkin", "-zipkin-url", sink.URL + "/api/v2/spans", "-etcd", e.Endpoints()[0]}
				}
				if command == "bookserver" {
					args = append(args, "-grpc-addr", busy.Addr().String()) // who listens first says that instead
				}
				code, out, errs := do(t, command, append(args, test.args...), test.env)
				if code != 2 || out != "" || strings.Count(errs, "\n") != 1 || !strings.HasPrefix(errs, command+": ") {
					t.Errorf("have status %d, output %q and %q, want 2 and one line", code, out, errs)
				}
				for _, want := range test.want {
					if !strings.Contains(errs, want) {
						t.Errorf("have %q, want %q in it", errs, want)
					}
				}
			})
		}
	}
	if keys := e.registered(t); len(keys) != 0 {
		t.Errorf("have %v registered, want nothing", keys)
	}
	if n := posts.Load(); n != 0 {
		t.Errorf("have %d posts of spans, want none", n)
	}
}
