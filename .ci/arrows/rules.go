package main

import (
	"fmt"
	"slices"
	"strings"
)

// A rule is one paragraph of allow.txt. The allowances of all paragraphs that match a package add
// up.
type rule struct {
	packages []string
	allow    map[string][]*allowance // by keyword: ours, other, uses, tests
}

// An allowance is one word of a paragraph.
type allowance struct {
	pattern string
	line    int
	used    bool
}

type rules struct {
	source     string
	restricted map[string]bool
	list       []rule
}

// keywords lists the lines of a paragraph.
func keywords() []string { return []string{"ours", "other", "uses", "tests"} }

func parseRules(source, text string) (*rules, error) {
	r := &rules{source: source, restricted: map[string]bool{}}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		switch keyword, rest := words[0], words[1:]; {
		case len(rest) == 0:
			return nil, fmt.Errorf("%s:%d: %s: must have a word after it", source, number, keyword)
		case keyword == "restricted":
			for _, name := range rest {
				r.restricted[name] = true
			}
		case keyword == "package":
			r.list = append(r.list, rule{packages: rest, allow: map[string][]*allowance{}})
		case !slices.Contains(keywords(), keyword):
			return nil, fmt.Errorf("%s:%d: %s: must be package, restricted, %s",
				source, number, keyword, strings.Join(keywords(), ", "))
		case len(r.list) == 0:
			return nil, fmt.Errorf("%s:%d: %s: must follow a package line", source, number, keyword)
		default:
			last := r.list[len(r.list)-1]
			for _, pattern := range rest {
				last.allow[keyword] = append(last.allow[keyword],
					&allowance{pattern: pattern, line: number})
			}
		}
	}
	return r, nil
}

// check returns one line for each reference that is not allowed.
func (r *rules) check(files []file) []string {
	var refused []string
	for _, f := range files {
		named := func(p rule) bool { return slices.Contains(p.packages, f.pkg) }
		if !slices.ContainsFunc(r.list, named) {
			refused = append(refused, fmt.Sprintf("%s:1: package %s has no paragraph in %s",
				f.name, f.pkg, r.source))
			continue
		}
		for _, ref := range f.refs {
			if why := r.refuse(f, ref); why != "" {
				refused = append(refused, fmt.Sprintf("%s:%d: %s", f.name, ref.line, why))
			}
		}
	}
	return refused
}

// refuse returns why f must not have the reference, or "".
func (r *rules) refuse(f file, ref reference) string {
	var allowed bool
	verb := "import"
	switch {
	case ref.dot:
		return fmt.Sprintf(`%s must not import %s as ".", which hides restricted names`, f.pkg, ref)
	case r.restricted[ref.String()]:
		verb = "use"
		allowed = f.test || r.allows(f.pkg, "uses", ref.String())
	case ref.name != "":
		return ""
	case ref.ours && f.test:
		// An external test imports the package that it tests.
		allowed = ref.path == f.pkg || r.allows(f.pkg, "ours", ref.path) ||
			r.allows(f.pkg, "tests", ref.path)
	case ref.ours:
		allowed = r.allows(f.pkg, "ours", ref.path)
	case ref.third():
		allowed = f.test || r.allows(f.pkg, "other", ref.path)
	default:
		return ""
	}
	if allowed {
		return ""
	}
	who := f.pkg
	if f.test {
		who = "a test of " + f.pkg
	}
	return fmt.Sprintf("%s must not %s %s: %s does not list it", who, verb, ref, r.source)
}

// allows reports whether a paragraph about pkg has the keyword with a pattern for name. It marks
// each such pattern as used.
func (r *rules) allows(pkg, keyword, name string) bool {
	found := false
	for _, p := range r.list {
		if !p.about(pkg) {
			continue
		}
		for _, a := range p.allow[keyword] {
			if match(a.pattern, name) {
				a.used, found = true, true
			}
		}
	}
	return found
}

// unused returns one line for each allowance that no call of check needed.
func (r *rules) unused() []string {
	var list []string
	for _, p := range r.list {
		for _, keyword := range keywords() {
			for _, a := range p.allow[keyword] {
				if !a.used {
					list = append(list, fmt.Sprintf("%s:%d: no file of %s needs %s %s", r.source,
						a.line, strings.Join(p.packages, " "), keyword, a.pattern))
				}
			}
		}
	}
	return list
}

func (p rule) about(pkg string) bool {
	return slices.ContainsFunc(p.packages, func(pattern string) bool { return match(pattern, pkg) })
}

// match reports whether pattern is name, or ends in "/..." and is name or above it.
func match(pattern, name string) bool {
	root, below := strings.CutSuffix(pattern, "/...")
	return name == root || below && strings.HasPrefix(name, root+"/")
}
