package configs

import (
	"flag"
	"strings"
)

// hint returns the end of an error about an unknown name. It lists known names that are spelled
// alike, in the form that spell returns, or says where all names are listed.
func hint(fs *flag.FlagSet, name string, spell func(flagName string) string) string {
	near := nearNames(fs, name)
	if len(near) == 0 {
		return " (-h all lists every flag)"
	}
	for i := range near {
		near[i] = spell(near[i])
	}
	return " (did you mean " + strings.Join(near, " or ") + "?)"
}

// nearNames returns the names of flags that differ from name by the fewest letters, at most three
// names. It returns none if they differ by many letters.
func nearNames(fs *flag.FlagSet, name string) (near []string) {
	least := 1 + len(name)/5
	fs.VisitAll(func(f *flag.Flag) {
		d := distance(name, f.Name)
		switch {
		case d > least || d >= len(f.Name):
			return
		case d < least:
			least, near = d, nil
		}
		near = append(near, f.Name)
	})
	return near[:min(len(near), 3)]
}

// distance returns the Levenshtein distance of two strings, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1) // the distances of a[:i] to each b[:j]
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
