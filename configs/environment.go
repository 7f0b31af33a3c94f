package configs

import (
	"flag"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// platformVariable matches variables that a platform sets, without the command's prefix. Kubernetes
// sets them in a pod for each service whose name begins with the command's. Docker sets them for a
// link of that name. Sources: "Environment variables" in Kubernetes' page on services, and "Legacy
// container links" in Docker's documentation.
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
			return nil, fmt.Errorf("%s: no setting; use the flag -%s", key, name)
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
