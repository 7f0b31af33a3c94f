package configs

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/peterbourgon/ff/v3"
)

// ErrDone says that the command was asked for something that has been printed, and has nothing else to do: its help,
// version or configuration.
var ErrDone = errors.New("done")

// common are the flags that every command has.
type common struct {
	version, print bool
}

// parse sets the flags of fs from arguments, environment and file. Help, version and configuration go to stdout.
func parse(fs *flag.FlagSet, args []string, stdout io.Writer, validate func() error) error {
	var c common
	fs.BoolVar(&c.version, "version", false, "print the version and exit")
	fs.BoolVar(&c.print, "print-config", false, "print the settings in force and exit")
	fs.String("config", "", "a YAML file with the same settings")
	fs.SetOutput(io.Discard) // an error is one line, printed once, by main
	undo := check(fs)
	err := ff.Parse(fs, args,
		ff.WithEnvVarPrefix(strings.ToUpper(fs.Name())),
		ff.WithConfigFileFlag("config"),
		ff.WithConfigFileParser(file(fs)))
	undo()
	switch {
	case errors.Is(err, flag.ErrHelp):
		fs.SetOutput(stdout)
		fmt.Fprintf(stdout, "Usage of %s:\n", fs.Name())
		fs.PrintDefaults()
		return ErrDone
	case err != nil && strings.Contains(err.Error(), "not defined: -"): // package flag has no type for it
		return fmt.Errorf("%w (-h lists all)", err)
	case err != nil:
		return oneLine(err)
	case fs.NArg() > 0:
		return fmt.Errorf("unexpected argument %q: settings are flags (-h lists them)", fs.Arg(0))
	case c.version:
		fmt.Fprintln(stdout, fs.Name(), version())
		return ErrDone
	}
	if err := validate(); err != nil {
		return oneLine(err)
	}
	if c.print {
		printConfig(fs, stdout)
		return ErrDone
	}
	return nil
}

func oneLine(err error) error {
	if text := err.Error(); strings.Contains(text, "\n") {
		return errors.New(strings.Join(strings.Fields(text), " "))
	}
	return err
}
