package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	tracer = "bookservice/tracer"
	bridge = "github.com/openzipkin-contrib/zipkin-go-opentracing"
	source = `package main

import (
	"context"
	"fmt"
	"os"

	"bookservice/tracer"
)

func main() {
	c := tracer.DefaultConfig()
	c.Backend, c.ServiceName = "zipkin", "orders"
	tr, closer, err := tracer.Open(context.Background(), c)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	tr.StartSpan("order")
	if err := closer.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}
`
)

// A program is a service that uses package tracer, in a temporary module of its own.
type program struct {
	root string // of the module bookservice
	dir  string // of the program's module
}

// build makes the module as the README's recipe does, and builds the program.
func build(root string) (*program, error) {
	dir, err := os.MkdirTemp("", "size")
	if err != nil {
		return nil, err
	}
	p := &program{root, dir}
	if err := p.make(); err != nil {
		p.remove()
		return nil, err
	}
	return p, nil
}

func (p *program) make() error {
	if err := os.WriteFile(filepath.Join(p.dir, "main.go"), []byte(source), 0o644); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"mod", "init", "example.com/orders"},
		{"mod", "edit", "-require=bookservice@v0.0.0", "-replace=bookservice=" + p.root},
		{"mod", "tidy"},
		{"build", "-o", p.binary(), "."},
	} {
		if _, err := goCommand(p.dir, args...); err != nil {
			return err
		}
	}
	return nil
}

func (p *program) remove() { _ = os.RemoveAll(p.dir) }

// binary is the program's file. Windows runs it only with this extension.
func (p *program) binary() string { return filepath.Join(p.dir, "orders.exe") }

func (p *program) size() (int, []string, error) {
	info, err := os.Stat(p.binary())
	if err != nil {
		return 0, nil, err
	}
	return int(info.Size()), nil, nil
}

func (p *program) packages() (int, []string, error) {
	deps, err := p.deps(".")
	return len(deps), nil, err
}

func (p *program) modules() (int, []string, error) {
	out, err := goCommand(p.dir, "version", "-m", p.binary())
	if err != nil {
		return 0, nil, err
	}
	var modules []string
	for line := range strings.Lines(out.String()) {
		if f := strings.Fields(line); len(f) > 1 && (f[0] == "mod" || f[0] == "dep") {
			modules = append(modules, f[1])
		}
	}
	return len(modules), modules, nil
}

// startUp runs the program several times and returns the shortest time that its packages took to
// initialize. See GODEBUG=inittrace=1 in package runtime.
func (p *program) startUp() (int, []string, error) {
	best, slowest := math.Inf(1), []string(nil)
	for range 20 {
		cmd := exec.CommandContext(context.Background(), p.binary())
		cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			return 0, nil, fmt.Errorf("%w: %s", err, out)
		}
		// init internal/bytealg @0.008 ms, 0.001 ms clock, 0 bytes, 0 allocs
		total, lines := 0.0, []string(nil)
		for line := range strings.Lines(string(out)) {
			f := strings.Fields(line)
			if len(f) < 7 || f[0] != "init" || f[6] != "clock," {
				continue
			}
			ms, err := strconv.ParseFloat(f[4], 64)
			if err != nil {
				return 0, nil, fmt.Errorf("%q: %w", line, err)
			}
			total += ms
			if ms >= 0.05 {
				lines = append(lines, f[4]+" ms "+f[1])
			}
		}
		if total == 0 {
			return 0, nil, fmt.Errorf("no times in %q", out)
		}
		if total < best {
			best, slowest = total, lines
		}
	}
	return int(math.Round(best * 1000)), slowest, nil
}

// grpc lists the packages of gRPC's module below tracer, without those that the bridge imports.
func (p *program) grpc() (int, []string, error) {
	all, err := p.deps(tracer)
	if err != nil {
		return 0, nil, err
	}
	allowed, err := p.deps(bridge)
	if err != nil {
		return 0, nil, err
	}
	found := slices.DeleteFunc(all, func(path string) bool {
		return !below(path, "google.golang.org/grpc") || slices.Contains(allowed, path)
	})
	return len(found), found, nil
}

func (p *program) backends() (int, []string, error) {
	all, err := p.deps(tracer)
	if err != nil {
		return 0, nil, err
	}
	found := slices.DeleteFunc(all, func(path string) bool {
		return !below(path, "go.opentelemetry.io") && !below(path, "github.com/twmb/franz-go") &&
			!below(path, "github.com/rabbitmq/amqp091-go")
	})
	return len(found), found, nil
}

func (p *program) files() (int, []string, error) {
	out, err := goCommand(p.dir, "list", "-f", `{{join .GoFiles "\n"}}`, tracer)
	if err != nil {
		return 0, nil, err
	}
	files := strings.Fields(out.String())
	return len(files), nil, nil
}

// circle returns the largest circle in any package of the module bookservice.
func (p *program) circle() (int, []string, error) {
	found, err := circles(p.root, "./...")
	if err != nil {
		return 0, nil, err
	}
	largest := slices.MaxFunc(found, func(a, b circle) int {
		return cmp.Compare(len(a.files), len(b.files))
	})
	return len(largest.files), append([]string{largest.importPath}, largest.files...), nil
}

func (p *program) deps(pattern string) ([]string, error) {
	out, err := goCommand(p.dir, "list", "-deps", pattern)
	if err != nil {
		return nil, err
	}
	return strings.Fields(out.String()), nil
}

func below(path, root string) bool { return path == root || strings.HasPrefix(path, root+"/") }

// goCommand runs the go command in dir and returns its output. Its error has the last line that
// the command printed.
func goCommand(dir string, args ...string) (*bytes.Buffer, error) {
	cmd := exec.CommandContext(context.Background(), "go", args...)
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
	cmd.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	if err := cmd.Run(); err != nil {
		lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
		return nil, fmt.Errorf("go %s: %w: %s", strings.Join(args, " "), err, lines[len(lines)-1])
	}
	return &stdout, nil
}
