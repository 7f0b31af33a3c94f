package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestLargestCircle(t *testing.T) {
	tests := []struct{ name, arrows, want string }{
		{"none", "a>b a>c b>c", ""},
		{"two", "a>b b>a b>c", "a b"},
		{"by way of another", "a>b b>c c>a c>d", "a b c"},
		{"the larger of two", "a>b b>a c>d d>e e>c a>c", "c d e"},
		{"two that share a file", "a>b b>a b>c c>b", "a b c"},
		{"a file and itself", "a>a", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			arrows := map[string]map[string]bool{}
			for arrow := range strings.FieldsSeq(test.arrows) {
				from, to, _ := strings.Cut(arrow, ">")
				for _, file := range []string{from, to} {
					if arrows[file] == nil {
						arrows[file] = map[string]bool{}
					}
				}
				arrows[from][to] = true
			}
			if have := strings.Join(largestCircle(arrows), " "); have != test.want {
				t.Errorf("have %q, want %q", have, test.want)
			}
		})
	}
}

// A file refers to another one by a type, a function, a method, a field, a variable or a constant;
// imports and test files do not count.
func TestCircles(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"go.mod":    "module example.com/x\n\ngo 1.26.0\n",
		"a.go":      "package x\n\ntype A struct{ n int }\nfunc (a A) Next() int { return f(a) }",
		"b.go":      "package x\n\nfunc f(a A) int { return a.n + c }\n",
		"c.go":      "package x\n\nimport \"math\"\n\nconst c = math.MaxInt8\n",
		"d.go":      "package x\n\nvar d = A{}.Next()\n",
		"c_test.go": "package x\n\nvar e = d\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := circles(dir, ".")
	if err != nil {
		t.Fatal(err)
	}
	if len(have) != 1 || have[0].importPath != "example.com/x" || have[0].of != 4 ||
		!slices.Equal(have[0].files, []string{"a.go", "b.go"}) {
		t.Errorf("have %v, want a.go and b.go of 4 files", have)
	}
}

func TestFailuresNameTheCommand(t *testing.T) {
	_, err := circles(t.TempDir(), "./absent")
	if err == nil || !strings.HasPrefix(err.Error(), "go list ") {
		t.Errorf("have %v, want an error that begins with go list", err)
	}
}
