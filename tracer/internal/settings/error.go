// Package settings holds what the settings of several backends share: flags with a prefix, errors
// about a setting, secrets, lists, URLs, header lists and TLS files.
package settings

import "fmt"

// An Error states that the value of a setting is invalid. Its text is "-flag value: must be …".
type Error struct {
	Name  Name
	Value string // as it is shown; empty for a secret
	Must  string // what the value must be, beginning with "must"
}

// Error implements error.
func (e *Error) Error() string {
	if e.Value == "" {
		return fmt.Sprintf("%v: %s", e.Name, e.Must)
	}
	return fmt.Sprintf("%v %s: %s", e.Name, e.Value, e.Must)
}

// Setting returns the name of the flag, or "" for a variable.
func (e *Error) Setting() string { return e.Name.Flag }

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

// Invalid returns an [*Error] about a value of the setting. A string is quoted.
func (n Name) Invalid(value any, must string) error {
	text := fmt.Sprint(value)
	if s, ok := value.(string); ok {
		text = fmt.Sprintf("%q", s)
	}
	return &Error{Name: n, Value: text, Must: must}
}

// InvalidSecret is like [Name.Invalid] for a value that must not be shown.
func (n Name) InvalidSecret(must string) error {
	return &Error{Name: n, Must: must}
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
