package settings

import (
	"flag"
	"fmt"
)

// RegisterFlags defines in fs the flags that define creates. If fs has one of them already,
// RegisterFlags defines none and returns an error that names it.
func RegisterFlags(fs *flag.FlagSet, define func(*flag.FlagSet)) (err error) {
	own := flag.NewFlagSet("", flag.ContinueOnError)
	define(own)
	own.VisitAll(func(f *flag.Flag) {
		if err == nil && fs.Lookup(f.Name) != nil {
			err = fmt.Errorf("flag -%s is defined already", f.Name)
		}
	})
	if err == nil {
		own.VisitAll(func(f *flag.Flag) { fs.Var(f.Value, f.Name, f.Usage) })
	}
	return err
}
