//go:build !unix

package discovery_test

import "testing"

func (*process) stop(t *testing.T)   { t.Skip("needs SIGSTOP") }
func (*process) resume(t *testing.T) { t.Skip("needs SIGCONT") }
