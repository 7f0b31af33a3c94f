// Package page has the files of the trace page.
package page

import (
	"embed"
	"io/fs"
)

//go:embed files
var files embed.FS

// Files returns the files of the page. index.html is the page itself.
func Files() fs.FS {
	sub, err := fs.Sub(files, "files")
	if err != nil {
		panic(err) // the name is constant
	}
	return sub
}
