package configs_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The comment about a key is the text of -h all about the flag. After a change of a text,
// "go test ./configs -run Comments -update" rewrites the comments.
func TestCommentsAreTheTextsOfHelp(t *testing.T) {
	key := regexp.MustCompile(`^([a-z0-9-]+): `)
	for _, name := range []string{"bookserver", "bookclient"} {
		texts := usages(t, commands[name])
		file, err := os.ReadFile(name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for line := range strings.Lines(string(file)) {
			m := key.FindStringSubmatch(line)
			if m == nil {
				want = append(want, line)
				continue
			}
			for strings.HasPrefix(want[len(want)-1], "# ") {
				want = want[:len(want)-1]
			}
			want = append(append(want, comment(texts[m[1]])...), line)
		}
		text := strings.Join(want, "")
		if *update {
			if err := os.WriteFile(name+".yaml", []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(text, string(file)); diff != "" && !*update {
			t.Errorf("%s.yaml: -help +file\n%s", name, diff)
		}
	}
}

// usages returns the texts of -h all by flag, without defaults. Flags are named as keys are.
func usages(t *testing.T, parse parser) map[string]string {
	texts := map[string]string{}
	name := ""
	for line := range strings.Lines(helpOf(t, parse, "all")) {
		line = strings.TrimSuffix(line, "\n")
		if first, ok := strings.CutPrefix(line, "  -"); ok {
			name, _, _ = strings.Cut(first, " ")
		} else if text, ok := strings.CutPrefix(line, "        "); ok {
			texts[name] = strings.TrimSpace(texts[name] + " " + text)
		}
	}
	suffix := regexp.MustCompile(` \(default [^ ]*\)$`)
	mention := regexp.MustCompile(`\B-([a-z][a-z0-9-]*[a-z0-9])`)
	for name, text := range texts {
		text = suffix.ReplaceAllString(text, "")
		texts[name] = mention.ReplaceAllStringFunc(text, func(flag string) string {
			if texts[flag[1:]] == "" {
				return flag
			}
			return flag[1:]
		})
	}
	return texts
}

// comment returns lines of at most 98 columns.
func comment(text string) (lines []string) {
	line := "#"
	for word := range strings.SplitSeq(text, " ") {
		if len([]rune(line))+1+len([]rune(word)) > 98 {
			lines, line = append(lines, line+"\n"), "#"
		}
		line += " " + word
	}
	return append(lines, line+"\n")
}
