package configs

import (
	"flag"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// platformVariable matches, without the command's prefix, the variables that Kubernetes sets in a
// pod for each service whose name begins with the command's ("Environment variables" in its page
// on services), and that Docker sets for a link of that name ("Legacy container links").
var platformVariable = regexp.MustCompile(`^(?:` +
	`(?:[A-Z0-9_]+_)?SERVICE_(?:HOST|PORT|PORT_[A-Z0-9_]+)=|` +
	`(?:[A-Z0-9_]+_)?PORT=(?:tcp|udp|sctp)://|` +
	`(?:[A-Z0-9_]+_)?PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR|START|END))?=|` +
	`PORT_(?:START|END)=|NAME=/|ENV_` +
	`)`)

// readEnvironment returns the assignments of the variables that begin with prefix. An empty
// variable counts as not set.
func readEnvironment(fs *flag.FlagSet, prefix string, environ []string) ([]assignment, error) {
	spell := func(flagName string) string {
		return prefix + strings.ToUpper(strings.ReplaceAll(flagName, "-", "_"))
	}
	flags := map[string]string{spell("h"): "h", spell("help"): "h"}
	fs.VisitAll(func(f *flag.Flag) { flags[spell(f.Name)] = f.Name })
	var all []assignment
	for _, entry := range slices.Sorted(slices.Values(environ)) {
		rest, ours := strings.CutPrefix(entry, prefix)
		if !ours {
			continue
		}
		key, value, _ := strings.Cut(entry, "=")
		name, known := flags[key]
		switch {
		case name == "h" || isAction(name) && name != "config":
			return nil, fmt.Errorf("%s: must be the flag -%s (variables are settings)", key, name)
		case known && value != "":
			all = append(all, assignment{name, value, key})
		case !known && !platformVariable.MatchString(rest):
			name, _, _ = strings.Cut(rest, "=")
			name = strings.ToLower(strings.ReplaceAll(name, "_", "-"))
			return nil, fmt.Errorf("%s: unknown variable%s", key, hint(fs, name, spell))
		}
	}
	return all, nil
}
