package discovery

import "fmt"

// A settingError reports an invalid setting.
type settingError struct {
	flag  string // name without the dash, with the prefix given to RegisterFlags
	value string // as in the error: strings are quoted, parts of them masked; empty for a secret
	must  string // "must be …"
}

// Error returns "-flag value: must be …".
func (e *settingError) Error() string {
	if e.value == "" { // a secret
		return fmt.Sprintf("-%s: %s", e.flag, e.must)
	}
	return fmt.Sprintf("-%s %s: %s", e.flag, e.value, e.must)
}

// Setting returns the name of the flag without the dash.
func (e *settingError) Setting() string { return e.flag }

func (c Config) invalid(flag, value, must string) error {
	return &settingError{c.flagPrefix + flag, value, must}
}
