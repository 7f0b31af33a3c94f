package settings

import "strings"

// SplitList returns the trimmed entries of a comma-separated list. A blank list has none.
func SplitList(list string) []string {
	if strings.TrimSpace(list) == "" {
		return nil
	}
	entries := strings.Split(list, ",")
	for i := range entries {
		entries[i] = strings.TrimSpace(entries[i])
	}
	return entries
}
