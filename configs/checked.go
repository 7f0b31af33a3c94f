package configs

import (
	"flag"
	"fmt"
	"time"
)

// checked is a flag's value whose errors say what is allowed: those of package flag say "parse error".
type checked struct{ flag.Value }

// check makes the errors of all flags of fs clear ones, until undo is called: help wants to see the types as they are.
func check(fs *flag.FlagSet) (undo func()) {
	fs.VisitAll(func(f *flag.Flag) { f.Value = checked{f.Value} })
	return func() {
		fs.VisitAll(func(f *flag.Flag) { f.Value = f.Value.(checked).Value })
	}
}

func (c checked) Set(value string) error {
	err := c.Value.Set(value)
	if err == nil {
		return nil
	}
	if allowed := c.allowed(); allowed != "" {
		return fmt.Errorf("must be %s, not %q", allowed, value)
	}
	return err
}

// allowed says what the standard types of flags take.
func (c checked) allowed() string {
	getter, ok := c.Value.(flag.Getter)
	if !ok {
		return ""
	}
	switch getter.Get().(type) {
	case time.Duration:
		return "a duration like 500ms or 10s"
	case int, int64, uint, uint64:
		return "a whole number"
	case float64:
		return "a number"
	case bool:
		return "true or false"
	}
	return ""
}

// IsBoolFlag is asked by package flag: a boolean one may come without a value.
func (c checked) IsBoolFlag() bool {
	b, ok := c.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}
