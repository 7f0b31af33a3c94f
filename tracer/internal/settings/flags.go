package settings

import (
	"flag"
	"fmt"
	"regexp"
	"strings"
)

// Register defines on fs the flags that define creates, each with the prefix before its name. If fs
// has one of them already, Register defines none and returns an error that names it.
func (p Prefix) Register(fs *flag.FlagSet, define func(*flag.FlagSet)) error {
	if strings.HasPrefix(string(p), "-") || strings.Contains(string(p), "=") {
		return fmt.Errorf("tracer: flag prefix %q must not begin with - or contain =", string(p))
	}
	own := flag.NewFlagSet("", flag.ContinueOnError)
	define(own)
	prefixed := flag.NewFlagSet("", flag.ContinueOnError)
	own.VisitAll(func(f *flag.Flag) { prefixed.Var(f.Value, string(p)+f.Name, f.Usage) })
	p.RewriteMentions(prefixed)
	return Merge(fs, prefixed)
}

// RewriteMentions adds the prefix to the flags of fs that usage texts mention without it.
func (p Prefix) RewriteMentions(fs *flag.FlagSet) {
	if p == "" {
		return
	}
	mention := regexp.MustCompile(`\B-[a-z][a-z0-9-]*[a-z0-9]`)
	fs.VisitAll(func(f *flag.Flag) {
		f.Usage = mention.ReplaceAllStringFunc(f.Usage, func(flag string) string {
			if fs.Lookup(string(p)+flag[1:]) == nil {
				return flag
			}
			return p.Flag(flag[1:])
		})
	})
}

// Merge defines on fs all flags of from. If fs has one of them already, Merge defines none and
// returns an error that names it.
func Merge(fs, from *flag.FlagSet) (err error) {
	from.VisitAll(func(f *flag.Flag) {
		if err == nil && fs.Lookup(f.Name) != nil {
			err = fmt.Errorf("tracer: flag -%s is defined already", f.Name)
		}
	})
	if err == nil {
		from.VisitAll(func(f *flag.Flag) { fs.Var(f.Value, f.Name, f.Usage) })
	}
	return err
}
