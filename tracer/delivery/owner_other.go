//go:build !unix

package delivery

import "io/fs"

// ownedByUser returns true: the system has no owner of a file that is a number.
func ownedByUser(fs.FileInfo) bool { return true }
