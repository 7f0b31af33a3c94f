package configs

import (
	"errors"
	"flag"
	"fmt"
	"strings"
)

// errHelp and errHelpAll stop the reading of arguments at -h and at -h all.
var (
	errHelp    = errors.New("help")
	errHelpAll = errors.New("help for all flags")
)

// readArguments returns the assignments of a command line, by the rules of package flag: -name
// value, -name=value, one dash or two, and -name alone for a boolean flag. Package flag itself is
// not used: its errors have no types, and they show values.
func readArguments(fs *flag.FlagSet, args []string) ([]assignment, error) {
	var all []assignment
	for i := 0; i < len(args); i++ {
		name, value, hasValue, err := splitArgument(args[i])
		if err != nil {
			return nil, unexpectedArgument(fs, all, args, i)
		}
		if name == "" { // "--" ends the flags
			if i+1 < len(args) {
				return nil, unexpectedArgument(fs, all, args, i+1)
			}
			return all, nil
		}
		f := fs.Lookup(name)
		switch {
		case f == nil && (name == "h" || name == "help"):
			if value == "all" || !hasValue && i+1 < len(args) && args[i+1] == "all" {
				return nil, errHelpAll
			}
			return nil, errHelp
		case f == nil:
			dash := func(known string) string { return "-" + known }
			return nil, fmt.Errorf("-%s: unknown flag%s", redact("", name), hint(fs, name, dash))
		case !hasValue && isBool(f):
			value = "true"
		case !hasValue && i+1 == len(args):
			return nil, &settingError{name, "", "must have a value"}
		case !hasValue:
			i++
			value = args[i]
		}
		all = append(all, assignment{name: name, value: value})
	}
	return all, nil
}

// splitArgument splits -name and -name=value. The name is empty for "--". The error is for an
// argument that is no flag.
func splitArgument(arg string) (name, value string, hasValue bool, err error) {
	name, dashed := strings.CutPrefix(arg, "-")
	if arg == "--" {
		return "", "", false, nil
	}
	name, value, hasValue = strings.Cut(strings.TrimPrefix(name, "-"), "=")
	if !dashed || name == "" || name[0] == '-' {
		return "", "", false, errors.New("no flag")
	}
	return name, value, hasValue, nil
}

// unexpectedArgument returns an error about args[i]. It does not show an argument that follows a
// secret: an unquoted password with a space in it is two arguments.
func unexpectedArgument(fs *flag.FlagSet, before []assignment, args []string, i int) error {
	shown, allowed := fmt.Sprintf(" %q", redact("", args[i])), "must be a flag (-h lists them)"
	if len(before) > 0 {
		last := before[len(before)-1]
		switch {
		case isBool(fs.Lookup(last.name)):
			allowed = fmt.Sprintf("must be a flag (a value of -%s follows =, as in -%[1]s=false)",
				last.name)
		case redact(last.name, last.value) != last.value:
			shown, allowed = "", fmt.Sprintf("must be a flag (quote the value of -%s)", last.name)
		}
	}
	return fmt.Errorf("unexpected argument%s: %s", shown, allowed)
}
