// Package flags parses the arguments of the commands of this module.
package flags

import (
	"errors"
	"flag"
	"fmt"
	"io"
)

// Parse parses args, which must be flags only. If done is true, the command ends with the status: 0
// after -h, for which the flags are printed to stderr, or 2 after an error, which is one line.
func Parse(fs *flag.FlagSet, args []string, stderr io.Writer) (status int, done bool) {
	fs.SetOutput(io.Discard)
	err := fs.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(stderr, "Usage of %s:\n", fs.Name())
		fs.SetOutput(stderr)
		fs.PrintDefaults()
		return 0, true
	}
	if err == nil && fs.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", fs.Name(), err)
		return 2, true
	}
	return 0, false
}
