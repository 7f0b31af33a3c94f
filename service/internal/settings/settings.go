// Package settings has the error type for settings that are not valid. Both Config types of the
// service area use it, so that their errors have one form.
package settings

import "fmt"

// An Error reports a setting whose value is not allowed.
type Error struct {
	name    string // of the flag, without the dash
	value   any
	allowed string
}

// NewError returns an error for the flag with this name (without the dash) and this value. allowed
// completes the phrase "must be …".
func NewError(name string, value any, allowed string) *Error {
	return &Error{name: name, value: value, allowed: allowed}
}

// Error returns the name, the value and the values that are allowed. Strings are quoted:
//
//	-retry-attempts 0: must be 1 or more
//	-rate-mode "drop": must be one of delay, reject, off
func (e *Error) Error() string {
	value := fmt.Sprint(e.value)
	if s, ok := e.value.(string); ok {
		value = fmt.Sprintf("%q", s)
	}
	return fmt.Sprintf("-%s %s: must be %s", e.name, value, e.allowed)
}

// Setting returns the name of the flag, without the dash.
func (e *Error) Setting() string { return e.name }
