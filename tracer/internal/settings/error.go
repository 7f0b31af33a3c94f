// Package settings holds what the settings of several backends share: flags with a prefix, errors
// about a setting, secrets, lists, URLs, header lists and TLS files.
package settings

import "fmt"

// An Error states that the value of a flag is invalid. Its text is "-flag value: must be …".
type Error struct {
	Flag  string // the flag's name without the dash, prefix included
	Value string // as it is shown; empty for a secret
	Must  string // what the value must be, beginning with "must"
}

// Error implements error.
func (e *Error) Error() string {
	if e.Value == "" {
		return fmt.Sprintf("-%s: %s", e.Flag, e.Must)
	}
	return fmt.Sprintf("-%s %s: %s", e.Flag, e.Value, e.Must)
}

// Setting returns the name of the flag.
func (e *Error) Setting() string { return e.Flag }

// A Name names a setting: a flag, or an environment variable of another project.
type Name struct {
	Flag     string // without the dash, prefix included
	Variable string // empty if it is a flag
}

// String returns the name as a user writes it.
func (n Name) String() string {
	if n.Variable != "" {
		return n.Variable
	}
	return "-" + n.Flag
}

// Invalid returns an error about a value of the setting: an [*Error] for a flag. A string is
// quoted.
func (n Name) Invalid(value any, must string) error {
	text := fmt.Sprint(value)
	if s, ok := value.(string); ok {
		text = fmt.Sprintf("%q", s)
	}
	if n.Variable != "" {
		return fmt.Errorf("%s %s: %s", n.Variable, text, must)
	}
	return &Error{Flag: n.Flag, Value: text, Must: must}
}

// InvalidSecret is like [Name.Invalid] for a value that must not be shown.
func (n Name) InvalidSecret(must string) error {
	if n.Variable != "" {
		return fmt.Errorf("%s: %s", n.Variable, must)
	}
	return &Error{Flag: n.Flag, Must: must}
}

// A Prefix precedes the names of the flags of one configuration.
type Prefix string

// Name returns the full name of the flag with this name.
func (p Prefix) Name(name string) Name { return Name{Flag: string(p) + name} }

// Flag returns the flag as a user writes it: "-", the prefix and the name.
func (p Prefix) Flag(name string) string { return p.Name(name).String() }

// Invalid returns an [*Error] about a value of the flag with this name. A string is quoted.
func (p Prefix) Invalid(name string, value any, must string) error {
	return p.Name(name).Invalid(value, must)
}

// InvalidSecret is like [Prefix.Invalid] for a value that must not be shown.
func (p Prefix) InvalidSecret(name, must string) error { return p.Name(name).InvalidSecret(must) }
