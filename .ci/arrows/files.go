package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// A file is what one Go file refers to outside its package.
type file struct {
	name string // relative to the module's root, with slashes
	pkg  string // its folder, "." for the root
	test bool
	refs []reference
}

// A reference is an import, or a selector such as [os.Exit] on one.
type reference struct {
	line int
	path string // import path; relative to the module's root if ours
	name string // what is selected; empty for the import itself
	ours bool   // path is a package of this module
	dot  bool   // the import has the name "."
}

// String is the form that allow.txt has: an import path, or with a name after it.
func (r reference) String() string {
	if r.name == "" {
		return r.path
	}
	return r.path + "." + r.name
}

// third reports whether another module has the package: its first element has a dot.
func (r reference) third() bool {
	first, _, _ := strings.Cut(r.path, "/")
	return !r.ours && strings.Contains(first, ".")
}

// load parses every Go file of the module in dir.
func load(dir string) ([]file, error) {
	module, err := modulePath(dir)
	if err != nil {
		return nil, err
	}
	var files []file
	err = filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name != dir && skipped(name, entry.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		relative, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		refs, err := references(name, module)
		if err != nil {
			return err
		}
		relative = filepath.ToSlash(relative)
		files = append(files, file{
			name: relative,
			pkg:  path.Dir(relative),
			test: strings.HasSuffix(relative, "_test.go"),
			refs: refs,
		})
		return nil
	})
	return files, err
}

// skipped reports whether the pattern "./..." skips the folder.
func skipped(name, base string) bool {
	if strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" {
		return true
	}
	_, err := os.Stat(filepath.Join(name, "go.mod"))
	return err == nil
}

func modulePath(dir string) (string, error) {
	content, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(content)) {
		if rest, ok := strings.CutPrefix(line, "module "); ok {
			return strings.TrimSpace(rest), nil
		}
	}
	return "", errors.New("go.mod names no module")
}

// references lists the imports of a file, and each selector on the name of an import. A local
// variable with the name of an import counts as the import.
func references(name, module string) ([]reference, error) {
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var refs []reference
	imported := map[string]string{} // by name in this file
	for _, spec := range parsed.Imports {
		to, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, fmt.Errorf("%s: import %s: %w", name, spec.Path.Value, err)
		}
		if spec.Name != nil {
			imported[spec.Name.Name] = to
		} else {
			imported[packageName(to)] = to
		}
		relative, ours := strings.CutPrefix(to, module+"/")
		refs = append(refs, reference{
			line: set.Position(spec.Pos()).Line,
			path: relative,
			ours: ours,
			dot:  spec.Name != nil && spec.Name.Name == ".",
		})
	}
	ast.Inspect(parsed, func(node ast.Node) bool {
		selector, ok := node.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := selector.X.(*ast.Ident); ok && imported[x.Name] != "" {
			refs = append(refs, reference{
				line: set.Position(selector.Pos()).Line,
				path: imported[x.Name],
				name: selector.Sel.Name,
			})
		}
		return true
	})
	return refs, nil
}

// packageName guesses the name of the package with the given path, as goimports does. It is the
// last element that is no version, without a leading "go-" and without what follows a dash or dot.
func packageName(importPath string) string {
	base := path.Base(importPath)
	if number, ok := strings.CutPrefix(base, "v"); ok && path.Dir(importPath) != "." {
		if _, err := strconv.Atoi(number); err == nil {
			base = path.Base(path.Dir(importPath))
		}
	}
	base = strings.TrimPrefix(base, "go-")
	if end := strings.IndexAny(base, "-."); end > 0 {
		base = base[:end]
	}
	return base
}
