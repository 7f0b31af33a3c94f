package configs

import (
	"flag"
	"fmt"
	"io"
	"net/url"
	"runtime/debug"
	"strconv"
)

// printConfig writes the flags in force as YAML, which -config takes again. A password in a URL is masked.
func printConfig(fs *flag.FlagSet, w io.Writer) {
	fs.VisitAll(func(f *flag.Flag) {
		switch f.Name {
		case "config", "version", "print-config":
			return
		}
		value := f.Value.String()
		if u, err := url.Parse(value); err == nil && u.User != nil {
			value = u.Redacted()
		}
		fmt.Fprintf(w, "%s: %s\n", f.Name, strconv.Quote(value))
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
