package collector

import (
	"flag"
	"io/fs"
	"log/slog"
	"slices"
	"strings"

	"bookservice/tracer/collector/page"
	"bookservice/tracer/internal/settings"
)

// Config holds the settings of a collector. Start from [DefaultConfig].
type Config struct {
	// MaxBytes bounds the memory for spans. It is 1 MiB or more. The estimate of a span's memory is
	// too high rather than too low.
	MaxBytes int64
	// MaxBody bounds the body of a request, in bytes. It is 1 KiB or more.
	MaxBody int64
	// MaxUnfolded bounds what a compressed body unfolds to, in bytes. It is MaxBody or more.
	MaxUnfolded int64
	// Hosts are the names, without a port, that the Host header of a request may have, beside IP
	// addresses and localhost. "*" allows every name. The check defends against DNS rebinding.
	Hosts []string
	// AllowOrigin is the origin whose pages may read Zipkin's API, "*" for all, or "" for none.
	AllowOrigin string
	// AutocompleteKeys are the keys of tags whose values /api/v2/autocompleteValues lists.
	AutocompleteKeys []string
	// Logger logs requests that fail inside the collector. The default is that of log/slog.
	Logger *slog.Logger
	// Page has the files of the page. The default is that of package page.
	Page fs.FS

	flags settings.Prefix // set by RegisterFlags
}

// DefaultConfig returns a collector of 256 MiB that answers to localhost and to IP addresses.
func DefaultConfig() Config {
	return Config{
		MaxBytes:    256 << 20,
		MaxBody:     10 << 20,
		MaxUnfolded: 64 << 20,
		AllowOrigin: "*",
	}
}

// RegisterFlags defines the flags that set c. The current values are the defaults. prefix precedes
// each flag's name. If fs has one of the flags already, RegisterFlags defines none and returns an
// error that names it.
func (c *Config) RegisterFlags(fs *flag.FlagSet, prefix string) error {
	c.flags = settings.Prefix(prefix)
	return c.flags.Register(fs, func(fs *flag.FlagSet) {
		fs.Int64Var(&c.MaxBytes, "max-bytes", c.MaxBytes,
			"memory for spans in bytes; beyond it the oldest traces are removed")
		fs.Int64Var(&c.MaxBody, "max-body", c.MaxBody, "largest body of a request in bytes")
		fs.Int64Var(&c.MaxUnfolded, "max-unfolded", c.MaxUnfolded,
			"largest body of a request in bytes after decompression")
		fs.Var((*list)(&c.Hosts), "hosts",
			"comma-separated host names in requests that are answered, beside IP addresses and "+
				"localhost; * allows all")
		fs.StringVar(&c.AllowOrigin, "allow-origin", c.AllowOrigin,
			"origin whose pages may read Zipkin's API; * allows all, empty none")
		fs.Var((*list)(&c.AutocompleteKeys), "autocomplete-keys",
			"comma-separated keys of tags whose values are listed")
	})
}

type list []string

func (l *list) Set(value string) error {
	*l = settings.SplitList(value)
	return nil
}

func (l *list) String() string {
	if l == nil {
		return ""
	}
	return strings.Join(*l, ",")
}

// Validate checks the settings. Its error is about the first one that is wrong.
func (c *Config) Validate() error {
	switch {
	case c.MaxBytes < 1<<20:
		return c.flags.Invalid("max-bytes", c.MaxBytes, "must be 1048576 or more")
	case c.MaxBody < 1<<10:
		return c.flags.Invalid("max-body", c.MaxBody, "must be 1024 or more")
	case c.MaxUnfolded < c.MaxBody:
		return c.flags.Invalid("max-unfolded", c.MaxUnfolded,
			"must be "+c.flags.Flag("max-body")+" or more")
	case !validOrigin(c.AllowOrigin):
		return c.flags.Invalid("allow-origin", c.AllowOrigin,
			"must be * or scheme://host:port, or empty")
	}
	for _, host := range c.Hosts {
		if host == "" || strings.ContainsAny(host, "/:@ \t") {
			return c.flags.Invalid("hosts", strings.Join(c.Hosts, ","),
				"must be host names without a port")
		}
	}
	if slices.Contains(c.AutocompleteKeys, "") {
		return c.flags.Invalid("autocomplete-keys", strings.Join(c.AutocompleteKeys, ","),
			"must be keys separated by commas")
	}
	return nil
}

func validOrigin(origin string) bool {
	if origin == "" || origin == "*" {
		return true
	}
	scheme, host, ok := strings.Cut(origin, "://")
	return ok && scheme != "" && host != "" && !strings.ContainsAny(host, "/?#@ \t\r\n")
}

func (c *Config) page() fs.FS {
	if c.Page != nil {
		return c.Page
	}
	return page.Files()
}
