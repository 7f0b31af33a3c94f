// Package leakcheck runs the tests of a package and looks for goroutines that they leave behind. It
// is no part of package testkit, so that package discoverytest does not depend on goleak.
package leakcheck

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

const (
	// parallel is the number of tests that run at once. The tests of discovery mostly wait, so the
	// number of processors does not matter.
	parallel = "8"

	// limit is how long Run waits for goroutines to end, longer than goleak does: the connections
	// between the members of an embedded cluster end with etcd's read timeout of 5 s.
	limit = 30 * time.Second
)

// Run runs the tests of m and returns the exit status, which is not 0 if goroutines are left.
func Run(m *testing.M) int {
	if err := flag.Set("test.parallel", parallel); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	end := time.Now().Add(limit)
	err := goleak.Find()
	for err != nil && time.Now().Before(end) {
		err = goleak.Find()
	}
	if err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}
