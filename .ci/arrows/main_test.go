package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

func TestCleanTreeIsAccepted(t *testing.T) {
	if code, out := arrows(root); code != 0 || out != "" {
		t.Errorf("have exit status %d, want 0:\n%s", code, out)
	}
}

// Each case adds one file to a copy of the tree. Its name is what the command has to print.
func TestForbidden(t *testing.T) {
	tree := copyTree(t)
	for _, test := range forbidden() {
		t.Run(test.want, func(t *testing.T) {
			code, out := arrowsWith(t, tree, test.file, test.source)
			if have := about(test.file, out); code != 1 || len(have) != 1 ||
				!strings.Contains(have[0], ": "+test.want+": "+notListed) {
				t.Errorf("have exit status %d and %q, want 1 and one line", code, have)
			}
		})
	}
}

type testCase struct{ want, file, source string }

func forbidden() []testCase {
	var cases []testCase
	for _, pair := range [][2]string{
		// Areas import nothing of each other; arrows go from cmd inwards.
		{"api/book", "bookservice/service"},
		{"service", "bookservice/tracer"},
		{"tracer", "bookservice/service"},
		{"tracer/internal/recording", "bookservice/discovery"},
		{"discovery", "bookservice/tracer"},
		{"discovery/discoverytest", "bookservice/tracer/tracertest/testkit"},
		{"configs", "bookservice/service/bookgrpc"},
		{"configs", "bookservice/service/inmem"},
		{"configs", "bookservice/cmd/internal/server"},
		{"service/client", "bookservice/configs"},
		{"service/client", "bookservice/discovery"},
		{"tracer/all", "bookservice/cmd/internal/logging"},
		{"cmd/bookserver", "bookservice/cmd/internal/bookclient"},
		{"cmd/bookserver", "bookservice/discovery/etcdembed"},
		{"cmd/internal/server", "bookservice/tracer/tracertest"},

		// Rings of service.
		{"service", "bookservice/service/inmem"},
		{"service/inmem", "bookservice/service/bookendpoint"},
		{"service/bookendpoint", "bookservice/service/bookgrpc"},
		{"service/bookendpoint", "bookservice/api/book"},
		{"service/bookgrpc", "bookservice/service/client"},
		{"service/bookgrpc", "bookservice/service/inmem"},

		// Rooms of tracer and discovery.
		{"tracer", "bookservice/tracer/otlp"},
		{"tracer", "bookservice/tracer/kafka"},
		{"tracer", "bookservice/tracer/rabbitmq"},
		{"tracer", "bookservice/tracer/all"},
		{"tracer/delivery", "bookservice/tracer"},
		{"tracer/internal/zipkin", "bookservice/tracer"},
		{"tracer/internal/settings", "bookservice/tracer/internal/spancontext"},
		{"tracer/internal/spancontext", "bookservice/tracer/internal/propagation"},
		{"tracer/internal/propagation", "bookservice/tracer/internal/sampling"},
		{"tracer/internal/sampling", "bookservice/tracer/internal/recording"},
		{"tracer/internal/recording", "bookservice/tracer/internal/encoding"},
		{"tracer/internal/encoding", "bookservice/tracer/delivery"},
		{"tracer/internal/sink", "bookservice/tracer/internal/encoding"},
		{"tracer/kafka", "bookservice/tracer/otlp"},
		{"tracer/tracertest/testkit", "bookservice/tracer"},
		{"discovery", "bookservice/discovery/etcdembed"},

		// Other modules.
		{"service", "github.com/go-kit/kit/endpoint"},
		{"service", "google.golang.org/grpc/codes"},
		{"service/bookendpoint", "google.golang.org/grpc/status"},
		{"service/client", "github.com/openzipkin/zipkin-go/model"},
		{"service/client", "go.etcd.io/etcd/client/v3"},
		{"service/bookgrpc", "go.opentelemetry.io/otel/trace"},
		{"service/bookgrpc", "github.com/go-kit/kit/tracing/zipkin"},
		{"service/bookgrpc", "github.com/prometheus/client_golang/prometheus"},
		{"cmd/internal/server", "go.etcd.io/etcd/client/v3"},
		{"cmd/bookserver", "go.yaml.in/yaml/v3"},
		{"discovery", "go.etcd.io/etcd/server/v3/embed"},
		{"discovery", "github.com/opentracing/opentracing-go"},
		{"tracer", "google.golang.org/grpc"},
		{"tracer", "go.opentelemetry.io/otel/exporters/otlp/otlptrace"},
		{"tracer", "github.com/rabbitmq/amqp091-go"},
		{"tracer", "github.com/twmb/franz-go/pkg/kgo"},
		{"tracer", "github.com/prometheus/client_golang/prometheus"},
		{"tracer/internal/sink", "github.com/openzipkin-contrib/zipkin-go-opentracing"},
		{"tracer/delivery", "github.com/google/go-cmp/cmp"},
		{"api/book", "github.com/opentracing/opentracing-go"},
	} {
		cases = append(cases, testCase{
			want:   pair[0] + " must not import " + strings.TrimPrefix(pair[1], "bookservice/"),
			file:   pair[0] + "/x.go",
			source: source(pair[1], ""),
		})
	}
	// Tests stay in their area, so that its folder can be taken out.
	for _, pair := range [][2]string{
		{"tracer", "service"},
		{"tracer/internal/sink", "api/book"},
		{"tracer/tracertest", "cmd/internal/server"},
		{"discovery", "tracer/tracertest/testkit"},
		{"discovery/etcdembed", "cmd/internal/server"},
		{"service", "tracer"},
		{"service/client", "discovery"},
		{"api/book", "service"},
		{"configs", "cmd/internal/server"},
	} {
		cases = append(cases, testCase{
			want:   "a test of " + pair[0] + " must not import " + pair[1],
			file:   pair[0] + "/x_test.go",
			source: source("bookservice/"+pair[1], ""),
		})
	}
	for _, use := range []struct{ pkg, imports, name string }{
		{"configs", "os", "os.Exit"},
		{"cmd/internal/server", "os", "os.Exit"},
		{"configs", "os", "os.Args"},
		{"tracer/otlp", "os", "os.Getenv"},
		{"discovery", "os", "os.LookupEnv"},
		{"cmd/bookclient", "os", "os.Environ"},
		{"configs", "os", "os.Setenv"},
		{"cmd/internal/server", "os/signal", ""},
		{"configs", "os/signal", ""},
		{"tracer/tracertest", "os/exec", ""},
		{"cmd/internal/server", "syscall", ""},
		{"configs", "log", ""},
		{"cmd/internal/server", "os", "os.StartProcess"},
		{"cmd/internal/server", "os", "os.FindProcess"},
		{"service", "flag", "flag.String"},
		{"cmd/bookserver", "flag", "flag.Parse"},
		{"tracer", "flag", "flag.CommandLine"},
		{"service/inmem", "database/sql", ""},
		{"tracer/internal/recording", "unsafe", ""},
		{"tracer/delivery", "C", ""},
		{"cmd/internal/admin", "net/http/pprof", ""},
		{"cmd/internal/admin", "net/http", "net/http.HandleFunc"},
		{"cmd/internal/logging", "log/slog", "log/slog.SetDefault"},
		{"tracer", "github.com/opentracing/opentracing-go",
			"github.com/opentracing/opentracing-go.SetGlobalTracer"},
	} {
		name, uses := use.imports, ""
		if use.name != "" {
			name, uses = use.name, packageName(use.imports)+use.name[len(use.imports):]
		}
		cases = append(cases, testCase{
			want:   use.pkg + " must not use " + name,
			file:   use.pkg + "/x.go",
			source: source(use.imports, uses),
		})
	}
	return append(cases,
		testCase{"tracer must not use os.Exit", "tracer/x.go", source("system os", "system.Exit")},
		testCase{"tracer must not import service", "tracer/x_windows.go",
			source("bookservice/service", "")},
	)
}

func TestHiddenNamesAreRefused(t *testing.T) {
	_, out := arrowsWith(t, copyTree(t), "cmd/bookserver/x.go", source(". os", "Exit"))
	want := `cmd/bookserver/x.go:3: cmd/bookserver must not import os as ".", ` +
		"which hides restricted names"
	if have := about("cmd/bookserver/x.go", out); len(have) != 1 || have[0] != want {
		t.Errorf("have %q, want %q", have, want)
	}
}

func TestPackagesWithoutParagraphAreRefused(t *testing.T) {
	tree := copyTree(t)
	for _, pkg := range []string{".", "pkg", "tracer/internal/attic", "cmd/internal/attic"} {
		file := path.Join(pkg, "x.go")
		_, out := arrowsWith(t, tree, file, source("fmt", ""))
		want := file + ":1: package " + pkg + " has no paragraph in .ci/arrows/allow.txt"
		if have := about(file, out); len(have) != 1 || have[0] != want {
			t.Errorf("have %q, want %q", have, want)
		}
	}
}

func TestAllowed(t *testing.T) {
	tree := copyTree(t)
	tests := []struct{ name, file, imports, uses string }{
		{"the standard library", "service/x.go", "net/http", ""},
		{"a process exits", "cmd/internal/command/x.go", "os", "os.Exit"},
		{"configs reads the environment", "configs/x.go", "os", "os.LookupEnv"},
		{"a test exits", "discovery/x_test.go", "os", "os.Exit"},
		{"a test and its suite", "discovery/x_test.go", "bookservice/discovery/discoverytest", ""},
		{"a test and other modules", "service/x_test.go", "github.com/google/go-cmp/cmp", ""},
		{"a method of the same name", "tracer/x.go", "fmt", "exit.Exit"},
		{"a folder that is no package", "tracer/testdata/x.go", "bookservice/service", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, out := arrowsWith(t, tree, test.file, source(test.imports, test.uses))
			if have := about(test.file, out); len(have) > 0 {
				t.Errorf("have %q, want no line", have)
			}
		})
	}
}

// Every package refuses a module and a package of ours that it does not list.
func TestEachPackageRefusesStrangers(t *testing.T) {
	tree := copyTree(t)
	var added []string
	err := filepath.WalkDir(tree, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		if held, _ := filepath.Glob(filepath.Join(name, "*.go")); len(held) > 0 {
			added = append(added, filepath.Join(name, "stranger.go"))
		}
		return nil
	})
	if err != nil || len(added) < 20 {
		t.Fatalf("have %d packages, error %v", len(added), err)
	}
	for _, name := range added {
		write(t, name, "package x\n\nimport (\n\t_ \"example.com/stranger\"\n"+
			"\t_ \"bookservice/cmd/stranger\"\n)\n")
	}
	_, out := arrows(tree)
	for _, name := range added {
		name, err := filepath.Rel(tree, name)
		if err != nil {
			t.Fatal(err)
		}
		name = filepath.ToSlash(name)
		pkg := path.Dir(name)
		want := []string{
			name + ":4: " + pkg + " must not import example.com/stranger: " + notListed,
			name + ":5: " + pkg + " must not import cmd/stranger: " + notListed,
		}
		if have := about(name, out); !slices.Equal(have, want) {
			t.Errorf("have %q, want %q", have, want)
		}
	}
}

const notListed = ".ci/arrows/allow.txt does not list it"

func TestUnusedAllowancesAreListed(t *testing.T) {
	r, err := parseRules("allow.txt", "package a\n  ours b c/...\n  other x.org/y\n")
	if err != nil {
		t.Fatal(err)
	}
	r.check([]file{{name: "a/a.go", pkg: "a", refs: []reference{{path: "c/d", ours: true}}}})
	want := []string{
		"allow.txt:2: no file of a needs ours b",
		"allow.txt:3: no file of a needs other x.org/y",
	}
	if have := r.unused(); !slices.Equal(have, want) {
		t.Errorf("have %q, want %q", have, want)
	}
}

func TestParseRulesNamesTheLine(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"no package", "\nours a", "list:2: ours: must follow a package line"},
		{"unknown keyword", "package a\nimport b", "list:2: import: must be package, restricted, "},
		{"nothing after the keyword", "package # a", "list:1: package: must have a word after it"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := parseRules("list", test.text); err == nil ||
				!strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("have %v, want %s", err, test.want)
			}
		})
	}
}

// arrowsWith runs the command on the tree with one more file.
func arrowsWith(t *testing.T, tree, file, source string) (int, string) {
	t.Helper()
	name := filepath.Join(tree, filepath.FromSlash(file))
	write(t, name, source)
	code, out := arrows(tree)
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	return code, out
}

func arrows(dir string) (int, string) {
	var out bytes.Buffer
	code := run([]string{dir}, &out, &out)
	return code, out.String()
}

// about returns the lines of out that are about the file.
func about(file, out string) []string {
	var lines []string
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, file+":") {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	return lines
}

// source is a Go file with one import and one use.
func source(imports, uses string) string {
	name, to, found := strings.Cut(imports, " ")
	if !found {
		name, to = "", imports
	}
	if uses == "" {
		name, uses = "_", "0"
	}
	return fmt.Sprintf("package x\n\nimport %s %q\n\nvar _ = %s\n", name, to, uses)
}

// copyTree copies go.mod and the Go files of the packages to a temporary folder.
func copyTree(t *testing.T) string {
	t.Helper()
	tree := t.TempDir()
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name != root && skipped(name, entry.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		if entry.Name() != "go.mod" && filepath.Ext(name) != ".go" {
			return nil
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		write(t, filepath.Join(tree, relative), string(content))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
