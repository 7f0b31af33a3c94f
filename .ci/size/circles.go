package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// A goPackage is what "go list -export -json" says about one package.
type goPackage struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Export     string // file with the types of what it exports
	DepOnly    bool
}

// A circle is a largest group of files of one package, each of which refers to each other one,
// directly or by way of others of the group.
type circle struct {
	importPath string
	files      []string // in alphabetical order
	of         int      // how many files the package has
}

// circles returns the largest circle of each package that the patterns match. Test files do not
// count.
func circles(dir string, patterns ...string) ([]circle, error) {
	args := append([]string{"list", "-export", "-deps",
		"-json=ImportPath,Dir,GoFiles,Export,DepOnly"}, patterns...)
	out, err := goCommand(dir, args...)
	if err != nil {
		return nil, err
	}
	exports := map[string]string{}
	var wanted []goPackage
	for decoder := json.NewDecoder(out); ; {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		exports[p.ImportPath] = p.Export
		if !p.DepOnly {
			wanted = append(wanted, p)
		}
	}
	found := make([]circle, 0, len(wanted))
	for _, p := range wanted {
		arrows, err := references(p, exports)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.ImportPath, err)
		}
		found = append(found, circle{p.ImportPath, largestCircle(arrows), len(p.GoFiles)})
	}
	return found, nil
}

// references type-checks a package and returns, for each of its files, the files of the package
// that declare what it refers to.
func references(p goPackage, exports map[string]string) (map[string]map[string]bool, error) {
	set := token.NewFileSet()
	var files []*ast.File
	arrows := map[string]map[string]bool{}
	for _, name := range p.GoFiles {
		parsed, err := parser.ParseFile(set, filepath.Join(p.Dir, name), nil,
			parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, parsed)
		arrows[name] = map[string]bool{}
	}
	config := types.Config{
		Importer: importer.ForCompiler(set, "gc", func(path string) (io.ReadCloser, error) {
			return os.Open(exports[path])
		}),
	}
	info := types.Info{Uses: map[*ast.Ident]types.Object{}}
	if _, err := config.Check(p.ImportPath, set, files, &info); err != nil {
		return nil, err
	}
	for name, object := range info.Uses {
		if object.Pkg() == nil || object.Pkg().Path() != p.ImportPath {
			continue
		}
		from := filepath.Base(set.Position(name.Pos()).Filename)
		to := filepath.Base(set.Position(object.Pos()).Filename)
		if from != to && arrows[to] != nil {
			arrows[from][to] = true
		}
	}
	return arrows, nil
}

// largestCircle returns a largest strongly connected component of more than one file (Tarjan,
// "Depth-first search and linear graph algorithms", 1972).
func largestCircle(arrows map[string]map[string]bool) []string {
	var (
		largest []string
		stack   []string
		index   = map[string]int{} // order of the visit, from 1
		low     = map[string]int{} // earliest file on the stack that can be reached
		onStack = map[string]bool{}
	)
	var visit func(string)
	visit = func(from string) {
		index[from] = len(index) + 1
		low[from] = index[from]
		stack = append(stack, from)
		onStack[from] = true
		for to := range arrows[from] {
			if index[to] == 0 {
				visit(to)
				low[from] = min(low[from], low[to])
			} else if onStack[to] {
				low[from] = min(low[from], index[to])
			}
		}
		if low[from] != index[from] {
			return
		}
		start := slices.Index(stack, from)
		group := slices.Clone(stack[start:])
		stack = stack[:start]
		for _, file := range group {
			onStack[file] = false
		}
		if len(group) > 1 && len(group) > len(largest) {
			largest = group
		}
	}
	files := make([]string, 0, len(arrows))
	for file := range arrows {
		files = append(files, file)
	}
	slices.Sort(files)
	for _, file := range files {
		if index[file] == 0 {
			visit(file)
		}
	}
	slices.Sort(largest)
	return largest
}
