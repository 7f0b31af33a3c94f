// Package ownfile tells files of this program from what others may have put in their place.
package ownfile

import (
	"fmt"
	"os"
)

// Check returns an error unless path is a regular file, and no link, of the user who runs this
// process. To open a FIFO could block, and a link could lead elsewhere.
func Check(path string) error {
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s: not a regular file", path)
	case !ownedByUser(info):
		return fmt.Errorf("%s: owned by another user", path)
	}
	return nil
}
