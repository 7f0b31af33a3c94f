package configs

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
)

// ErrDone is returned by the Parse functions after they have printed the help, the version or the
// configuration. The command then exits with status 0.
var ErrDone = errors.New("done")

// A command has the flags and the help of bookserver, bookclient or bookdemo.
type command struct {
	flags  *flag.FlagSet
	help   help
	groups []group
	err    error // of group

	version, print bool
	config         string
}

// A group has the flags that -h all shows under one title.
type group struct {
	title string
	flags []string // names, sorted
}

// newCommand returns a command with the flags that every command has.
func newCommand(name string, h help) *command {
	c := &command{flags: flag.NewFlagSet(name, flag.ContinueOnError), help: h}
	c.group("Command line", func(fs *flag.FlagSet) error {
		fs.StringVar(&c.config, "config", "", "YAML `file` with settings")
		fs.BoolVar(&c.print, "print-config", false, "print the settings in force and exit")
		fs.BoolVar(&c.version, "version", false, "print the version and exit")
		return nil
	})
	return c
}

// backends are the groups of the flags that only one backend needs.
var backends = []struct{ prefix, title string }{
	{"zipkin-", "Zipkin"},
	{"kafka-", "Zipkin over Kafka"},
	{"rabbitmq-", "Zipkin over RabbitMQ"},
	{"otlp-", "OTLP"},
	{"file-", "File"},
}

// group adds the flags that register defines. Flags of a backend get a group of their own. After
// an error the command has no further flags, and parse returns the error.
func (c *command) group(title string, register func(*flag.FlagSet) error) {
	if c.err != nil {
		return
	}
	fs := flag.NewFlagSet(title, flag.ContinueOnError)
	if c.err = register(fs); c.err != nil {
		return
	}
	names := map[string][]string{}
	fs.VisitAll(func(f *flag.Flag) {
		if c.flags.Lookup(f.Name) != nil {
			c.err = fmt.Errorf("flag -%s is defined twice", f.Name)
			return
		}
		c.flags.Var(f.Value, f.Name, f.Usage)
		t := title
		for _, b := range backends {
			if strings.HasPrefix(f.Name, b.prefix) {
				t = b.title
			}
		}
		names[t] = append(names[t], f.Name)
	})
	c.groups = append(c.groups, group{title, names[title]})
	for _, b := range backends {
		if len(names[b.title]) > 0 {
			c.groups = append(c.groups, group{b.title, names[b.title]})
		}
	}
}

// noError returns register as group needs it: with an error, which is always nil.
func noError(register func(*flag.FlagSet)) func(*flag.FlagSet) error {
	return func(fs *flag.FlagSet) error {
		register(fs)
		return nil
	}
}

// parse sets the flags from the arguments, the environment and the file, in this order of
// precedence, and then validates. It prints help, version and configuration to stdout. Its errors
// are one line without secrets.
//
// Package ff is not used: it does not report where a value comes from, its errors have forms of
// their own, and it ignores unknown variables.
func (c *command) parse(args []string, stdout io.Writer, validate func() error) (Sources, error) {
	s := &settings{flags: c.flags, origins: map[string]string{}}
	err := c.err
	if err == nil {
		err = c.run(s, args, stdout, validate)
	}
	if err != nil && !errors.Is(err, ErrDone) {
		err = s.secrets.maskError(err)
	}
	return Sources{secrets: s.secrets, origins: s.origins}, err
}

func (c *command) run(s *settings, args []string, stdout io.Writer, validate func() error) error {
	source, err := readArguments(c.flags, args)
	switch {
	case errors.Is(err, errHelp):
		c.printHelp(stdout)
		return ErrDone
	case errors.Is(err, errHelpAll):
		c.printHelpAll(stdout)
		return ErrDone
	case err != nil:
		return err
	}
	if err := s.apply(source); err != nil {
		return err
	}
	if c.version {
		fmt.Fprintln(stdout, c.flags.Name(), version())
		return ErrDone
	}
	if err := c.readSources(s); err != nil {
		return err
	}
	if err := validate(); err != nil {
		return s.locate(err)
	}
	if c.print {
		c.printConfig(stdout)
		return ErrDone
	}
	return nil
}

// readSources sets the flags from the environment and the file.
func (c *command) readSources(s *settings) error {
	environ := os.Environ()
	for _, entry := range environ {
		key, value, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(key, "OTEL_") || strings.HasPrefix(key, "JAEGER_") {
			s.secrets.add(key, value) // read by the tracer
		}
	}
	source, err := readEnvironment(c.flags, c.prefix(), environ)
	if err != nil {
		return err
	}
	if err := s.apply(source); err != nil || c.config == "" {
		return err
	}
	if source, err = readFile(c.flags, c.config); err != nil {
		return s.locate(err)
	}
	return s.apply(source)
}

// prefix returns the prefix of the command's environment variables.
func (c *command) prefix() string { return strings.ToUpper(c.flags.Name()) + "_" }

// printConfig writes the settings in force as YAML, which -config reads. Secrets are masked.
func (c *command) printConfig(w io.Writer) {
	c.flags.VisitAll(func(f *flag.Flag) {
		if !isAction(f.Name) {
			fmt.Fprintf(w, "%s: %s\n", f.Name, strconv.Quote(redact(f.Name, f.Value.String())))
		}
	})
}

// version returns the commit that the command was built from, or else the module's version.
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
