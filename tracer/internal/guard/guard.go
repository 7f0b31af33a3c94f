// Package guard keeps panics of other people's code from ending the process.
package guard

import "fmt"

// Call returns the error of f. If f panics, it returns an error with the cause.
func Call(f func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v", cause)
		}
	}()
	return f()
}
