package e2e_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"bookservice/tracer/tracertest/testkit"
)

// A badInput is a call of commands that must not start.
type badInput struct {
	commands []string
	line     string // variables, K=V, and then arguments
	want     string // parts of the error in their order, with "…" between them
}

var (
	both       = []string{"bookserver", "bookclient"}
	serverOnly = []string{"bookserver"}
	clientOnly = []string{"bookclient"}
	demoOnly   = []string{"bookdemo"}
)

// badLines are errors about arguments and variables.
var badLines = map[string]badInput{
	"flag":            {both, "-nope", "-nope…-h all"},
	"like a flag":     {both, "-tracr log", "-tracr…did you mean -tracer?"},
	"demo's flag":     {demoOnly, "-nope", "-nope"},
	"argument":        {both, "extra", `"extra"…flag`},
	"value":           {both, "-ttl soon", `-ttl "soon": must be a duration`},
	"number":          {both, "-sample half", `-sample "half": must be a number`},
	"id":              {clientOnly, "-id 4294967296", "-id 4294967296: must fit in 32 bits"},
	"runs":            {clientOnly, "-n 0", "-n 0: must be 1 or more"},
	"language":        {clientOnly, "-lang fr", `-lang "fr": must be zh, en`},
	"demo's language": {demoOnly, "-lang fr", `-lang "fr": must be zh, en`},
	"attempts":        {clientOnly, "-retry-attempts 0", "retry-attempts 0…1 or more"},
	"rate mode":       {serverOnly, "-rate-mode maybe", `"maybe"…delay, reject, off`},
	"backend":         {both, "-tracer zipkn", `"zipkn"…file, log, memory, noop, otlp, zipkin`},
	"share":           {both, "-tracer zipkin -sample 2", "sample 2…0 to 1"},
	"discovery":       {both, "-discovery etdc", `"etdc"…etcd…static`},
	"etcd's address":  {both, "-etcd nowhere", `etcd "nowhere"…host:port`},
	"static, no list": {both, "-discovery static -instances x", `instances "x"`},
	"URL":             {both, "-zipkin-url 127.0.0.1:9411", `zipkin-url "127.0.0.1:9411"…http://`},
	"URL's port":      {both, "-zipkin-url http://127.0.0.1:99999/", ":99999/…like http://"},
	"port":            {serverOnly, "-grpc-addr 127.0.0.1:99999", "-grpc-addr…:99999…0 to 65535"},
	"no host":         {serverOnly, "-grpc-addr :50051", `":50051"…-advertise host:port`},
	"advertise":       {serverOnly, "-grpc-addr :0 -advertise x", `-advertise "x"…host:port`},
	"admin for all":   {serverOnly, "-admin-addr 0.0.0.0:9090", `-addr "0.0.0.0:9090"…loopback`},

	"server's variable": {serverOnly, "BOOKSERVER_TTL=soon", `BOOKSERVER_TTL: -ttl "soon"`},
	"client's variable": {clientOnly, "BOOKCLIENT_WAIT=soon", `BOOKCLIENT_WAIT: -wait "soon"`},
	"demo's variable":   {demoOnly, "BOOKDEMO_EXIT=perhaps", `BOOKDEMO_EXIT: -exit "perhaps"`},
	"unknown variable":  {serverOnly, "BOOKSERVER_TTLL=1s", "BOOKSERVER_TTLL…BOOKSERVER_TTL?"},
	"variable, action":  {demoOnly, "BOOKDEMO_VERSION=true", "BOOKDEMO_VERSION…-version"},
}

// badFiles are errors about the content of a file. FILE stands for its path.
var badFiles = map[string]struct {
	content string
	badInput
}{
	"key": {"zipkin-urll: x\n",
		badInput{both, "-config FILE", `FILE:1: …"zipkin-urll"…zipkin-url?`}},
	"not YAML": {"a: [\n", badInput{both, "-config FILE", "FILE:1: must be valid YAML"}},
	"two documents": {"ttl: 5s\n---\n",
		badInput{both, "-config FILE", "FILE:2: must be one YAML document"}},
	"value in a file": {"ttl: soon\n",
		badInput{both, "-config FILE", `FILE:1: -ttl "soon": must be a duration`}},
	"books: not JSON": {"[{", badInput{serverOnly, "-books FILE", "FILE"}},
	"books: twice": {`[{"id":1,"name":"a"},{"id":1,"name":"b"}]`,
		badInput{serverOnly, "-books FILE", "FILE…entry 2…1"}},
	"books: id": {`[{"id":0,"name":"a"}]`, badInput{serverOnly, "-books FILE", "FILE…entry 1…0"}},
	"books: name": {`[{"id":1,"name":""}]`,
		badInput{serverOnly, "-books FILE", "FILE…entry 1…name"}},
	"books: UTF-8": {"[{\"id\":1,\"name\":\"\xff\"}]",
		badInput{serverOnly, "-books FILE", "FILE…entry 1…UTF-8"}},
}

// Bad input is one line on stderr that says what is wrong, where, and what is allowed. The status
// is 2, and nothing was started.
func TestBadInput(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	e := startEtcd(t)
	var posts atomic.Int64
	count := func(http.ResponseWriter, *http.Request) { posts.Add(1) }
	sink := httptest.NewServer(http.HandlerFunc(count))
	defer sink.Close()
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	client := append(e.at(), "-tracer", "zipkin", "-zipkin-url", sink.URL+"/api/v2/spans")
	usable := map[string][]string{
		"bookclient": client,
		// A server that listens before it finds the error fails with "in use" instead.
		"bookserver": slices.Concat(client, []string{"-grpc-addr", busy.Addr().String()}),
	}
	for name, test := range badLines {
		test.run(t, name, usable)
	}
	folder := t.TempDir()
	for name, test := range badFiles {
		path := filepath.Join(folder, regexp.MustCompile(`\W`).ReplaceAllString(name, "-"))
		if err := os.WriteFile(path, []byte(test.content), 0o600); err != nil {
			t.Fatal(err)
		}
		test.line = strings.ReplaceAll(test.line, "FILE", path)
		test.want = strings.ReplaceAll(test.want, "FILE", path)
		test.run(t, name, usable)
	}
	none, refusing := filepath.Join(folder, "none"), testkit.ClosedAddr(t)
	for name, test := range map[string]badInput{
		"no file": {both, "-config " + none, none + "…no such file"},
		"no file, variable": {serverOnly, "BOOKSERVER_CONFIG=" + none,
			"BOOKSERVER_CONFIG…" + none + "…no such file"},
		"no books":       {serverOnly, "-books " + none, none + "…no such file"},
		"address in use": {serverOnly, "", busy.Addr().String() + "…in use"},
		"admin's address in use": {serverOnly,
			"-grpc-addr 127.0.0.1:0 -admin-addr " + busy.Addr().String(), "-admin-addr…in use"},
		"no etcd": {serverOnly,
			"-grpc-addr 127.0.0.1:0 -etcd-timeout 1s -etcd " + refusing, "etcd…did not answer"},
	} {
		test.run(t, name, usable)
	}
	if keys := e.registered(t); len(keys) != 0 {
		t.Errorf("have %v registered, want nothing", keys)
	}
	if n := posts.Load(); n != 0 {
		t.Errorf("have %d posts of spans, want none", n)
	}
}

// run runs the commands, each with the arguments that make it usable before the line.
func (b badInput) run(t *testing.T, name string, usable map[string][]string) {
	var variables []string
	args := strings.Fields(b.line)
	for len(args) > 0 && regexp.MustCompile(`^[A-Z_]+=`).MatchString(args[0]) {
		variables, args = append(variables, args[0]), args[1:]
	}
	for _, command := range b.commands {
		t.Run(name+"/"+command, func(t *testing.T) {
			code, out, errs := do(t, command, slices.Concat(usable[command], args), variables...)
			oneLine := strings.Count(errs, "\n") == 1 && strings.HasPrefix(errs, command+": ")
			if code != 2 || out != "" || !oneLine {
				t.Errorf("have status %d, output %q and %q, want 2 and one line", code, out, errs)
			}
			rest := errs
			for part := range strings.SplitSeq(b.want, "…") {
				_, after, found := strings.Cut(rest, part)
				if !found {
					t.Errorf("have %q, want %q in it", errs, b.want)
				}
				rest = after
			}
		})
	}
}
