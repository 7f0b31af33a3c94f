package configs

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"strconv"
	"strings"
	"time"
)

// A settingError is an error about the value of one setting: "-flag value: must be …".
type settingError struct {
	name    string // of the flag, without the dash
	value   string // as it may be shown; empty to show none
	allowed string // "must be …"
}

func (e *settingError) Error() string {
	if e.value == "" {
		return fmt.Sprintf("-%s: %s", e.name, e.allowed)
	}
	return fmt.Sprintf("-%s %s: %s", e.name, e.value, e.allowed)
}

// Setting returns the name of the flag, without the dash.
func (e *settingError) Setting() string { return e.name }

// aboutSetting is an error about the value of one setting, of this package or of another one.
type aboutSetting interface {
	error
	Setting() string // the name of the flag, without the dash
}

// Invalid returns an error about the value of a setting. Text is quoted and redacted, other values
// are not. The error has a method Setting() string that returns the name.
func Invalid(name string, value any, allowed string) error {
	if text, ok := value.(string); ok {
		return &settingError{name, strconv.Quote(redact(name, text)), allowed}
	}
	return &settingError{name, fmt.Sprint(value), allowed}
}

// An assignment is a value for a flag and its origin.
type assignment struct {
	name, value string
	origin      string // file:line or the name of a variable; empty for the command line
}

// settings sets the flags of a command and records where each value comes from.
type settings struct {
	flags   *flag.FlagSet
	origins map[string]string // by name of the flag, for the flags that are set
	secrets Secrets
}

// CannotListen returns an error about an address on which a command cannot listen.
func CannotListen(name, addr string, err error) error {
	return Invalid(name, addr, "must be an address to listen on: "+err.Error())
}

// Sources has the secrets in the settings of a command, and where each value comes from. The zero
// value has no settings.
type Sources struct {
	secrets Secrets
	origins map[string]string // as in settings
}

// Mask returns a writer that masks the secrets in what it writes to w.
func (s Sources) Mask(w io.Writer) io.Writer { return s.secrets.Mask(w) }

// Locate puts the origin of a setting's value, file:line or the name of a variable, before an error
// about the setting. Other errors are returned as they are. An error is about a setting if it has a
// method Setting() string that returns the name of the flag.
func (s Sources) Locate(err error) error {
	e, ok := errors.AsType[aboutSetting](err)
	if !ok || s.origins[e.Setting()] == "" {
		return err
	}
	origin := s.origins[e.Setting()] + ": "
	if strings.HasPrefix(err.Error(), origin) {
		return err
	}
	return fmt.Errorf("%s%w", origin, err)
}

// apply sets the flags that a source assigns, unless an earlier source has set them. Within one
// source the last assignment wins.
func (s *settings) apply(source []assignment) error {
	for _, a := range source {
		s.secrets.add(a.name, a.value)
	}
	earlier := maps.Clone(s.origins)
	for _, a := range source {
		if _, ok := earlier[a.name]; ok {
			continue
		}
		s.origins[a.name] = a.origin
		if err := s.set(a); err != nil {
			return s.locate(err)
		}
	}
	return nil
}

func (s *settings) set(a assignment) error {
	err := s.flags.Set(a.name, a.value)
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[aboutSetting](err); ok {
		return err
	}
	return Invalid(a.name, a.value, "must be "+allowedValue(s.flags.Lookup(a.name).Value))
}

// locate puts the origin of a setting's value before an error about it.
func (s *settings) locate(err error) error {
	return Sources{origins: s.origins}.Locate(err)
}

// allowedValue describes the values that a flag accepts, if it has one of package flag's own types.
// The errors of these types are no more than "parse error".
func allowedValue(v flag.Value) string {
	if getter, ok := v.(flag.Getter); ok {
		switch getter.Get().(type) {
		case time.Duration:
			return "a duration, such as 500ms or 10s"
		case int, int64:
			return "a whole number of at most 64 bits"
		case uint, uint64:
			return "a whole number of at most 64 bits, 0 or more"
		case float64:
			return "a number"
		case bool:
			return "true or false"
		}
	}
	return "as -h all describes"
}

// isBool reports whether a flag may have no value, as -json.
func isBool(f *flag.Flag) bool {
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

// isAction reports whether a flag is no setting. A file cannot have it.
func isAction(name string) bool {
	return name == "config" || name == "version" || name == "print-config"
}
