package configs

import (
	"flag"
	"fmt"
	"io"
	"regexp"
	"runtime/debug"
	"strconv"
)

// secret are the flags whose values nobody may read: credentials, and headers, which often are some.
var secret = regexp.MustCompile(`(^|-)(password|token|secret|headers)$`)

// password is the password of a URL, or of one in a list of them.
var password = regexp.MustCompile(`(://[^/?#:@]*:)[^/?#]*@`)

const mask = "xxxxx"

// notSetting reports whether a flag says what to do, and not how: a file has no place for it.
func notSetting(name string) bool {
	return name == "config" || name == "version" || name == "print-config"
}

// shown returns what may be printed of a flag's value.
func shown(name, value string) string {
	if secret.MatchString(name) && value != "" {
		return mask
	}
	return password.ReplaceAllString(value, "${1}"+mask+"@")
}

// printConfig writes the flags in force as YAML, which -config takes again. Secrets are masked.
func printConfig(fs *flag.FlagSet, w io.Writer) {
	fs.VisitAll(func(f *flag.Flag) {
		if !notSetting(f.Name) {
			fmt.Fprintf(w, "%s: %s\n", f.Name, strconv.Quote(shown(f.Name, f.Value.String())))
		}
	})
}

// version is what the build knows of itself: the module's version, or the commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return info.Main.Version
}
