package main

import (
	"fmt"
	"strings"
)

// A readme holds what the recipes take from README.md.
type readme struct {
	replace   string // the commands of the first way
	copyDir   string // the command of the second way that copies the folder
	goGet     string // the command of the second way that completes go.mod
	start     string // the command that runs the program
	program   string // the complete program
	bridge    string // the lines before and after a change from the bare bridge
	discovery string // the lines that use package discovery
}

// parse finds the commands by their first words, and the snippets by their content. Each must occur
// once.
func parse(text string) (*readme, error) {
	r := &readme{}
	var problem error
	set := func(what string, to *string, text string) {
		if *to != "" && problem == nil {
			problem = fmt.Errorf("%s occurs twice", what)
		}
		*to = text
	}
	for line := range strings.Lines(text) {
		command, ok := strings.CutPrefix(line, "    ")
		if !ok {
			continue
		}
		command = strings.TrimSpace(command)
		switch {
		case strings.HasPrefix(command, "go mod edit "):
			set("go mod edit", &r.replace, command)
		case strings.HasPrefix(command, "cp -r DIR/tracer "):
			set("cp -r", &r.copyDir, command)
		case strings.HasPrefix(command, "go get "):
			set("go get", &r.goGet, command)
		case strings.HasPrefix(command, "go run . "):
			set("go run .", &r.start, command)
		}
	}
	for _, snippet := range snippets(text) {
		switch {
		case strings.Contains(snippet, "package main"):
			set("the program", &r.program, snippet)
		case strings.Contains(snippet, "zipkinot.Wrap"):
			set("the change from the bare bridge", &r.bridge, snippet)
		case strings.Contains(snippet, "discovery.Open"):
			set("the use of discovery", &r.discovery, snippet)
		default:
			return nil, fmt.Errorf("no recipe runs the snippet\n%s", snippet)
		}
	}
	for what, found := range map[string]string{
		"go mod edit": r.replace, "cp -r": r.copyDir, "go get": r.goGet, "go run .": r.start,
		"a program": r.program, "a change from the bare bridge": r.bridge,
		"a use of discovery": r.discovery,
	} {
		if found == "" {
			return nil, fmt.Errorf("%s is missing", what)
		}
	}
	return r, problem
}

// snippets returns the blocks of Go code.
func snippets(text string) (all []string) {
	for {
		_, rest, ok := strings.Cut(text, "\n```go\n")
		if !ok {
			return all
		}
		snippet, after, _ := strings.Cut(rest, "\n```\n")
		all, text = append(all, snippet+"\n"), after
	}
}

// program returns a program that runs the body of a function.
func program(imports []string, body string) string {
	var b strings.Builder
	b.WriteString("package main\n\nimport (\n")
	for _, path := range imports {
		name, path, found := strings.Cut(path, " ")
		if !found {
			name, path = "", name
		}
		fmt.Fprintf(&b, "\t%s %q\n", name, path)
	}
	fmt.Fprintf(&b, ")\n\nfunc main() {\n%s}\n", body)
	return b.String()
}

// bridgeProgram wraps the lines before and after the change. The lines before are compiled only:
// they belong to zipkin-go.
func (r *readme) bridgeProgram() string {
	before, after, _ := strings.Cut(r.bridge, "// After:\n")
	return program([]string{
		"context", "flag", "log", "bookservice/tracer",
		"zipkinot github.com/openzipkin-contrib/zipkin-go-opentracing",
		"github.com/openzipkin/zipkin-go",
		"zipkinhttp github.com/openzipkin/zipkin-go/reporter/http",
	}, `	ctx, url := context.Background(), ""
	flag.StringVar(&url, "zipkin-url", "", "")
	flag.String("tracer", "", "")
	flag.Parse()
	endpoint, err := zipkin.NewEndpoint("orders", "127.0.0.1:8080")
	if err != nil {
		log.Fatal(err)
	}
	_ = func() {
`+before+`		_, _ = tr, err
	}
`+after+`	if err != nil {
		log.Fatal(err)
	}
	tr.StartSpan("hello").Finish()
	if err := closer.Close(); err != nil {
		log.Fatal(err)
	}
`)
}

// discoveryProgram wraps the lines that use package discovery, of which the last one closes it. It
// finds a static instance.
func (r *readme) discoveryProgram() string {
	lines := strings.SplitAfter(strings.TrimSuffix(r.discovery, "\n"), "\n")
	last := len(lines) - 1
	imports := []string{"context", "log", "time", "bookservice/discovery"}
	return program(imports, `
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	check := func(err error) {
		if err != nil {
			log.Fatal(err)
		}
	}
	c := discovery.DefaultConfig()
	c.Kind, c.Instances = "static", []string{"10.0.0.7:8080"}
`+strings.Join(lines[:last], "\n	check(err)\n")+`
	check(err)
	check(discovery.Wait(ctx, instancer))
`+lines[last]+`
	check(err)
`)
}
