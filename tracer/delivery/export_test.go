package delivery

// The file operations of a spool, for tests that replace them.
type (
	FileSystem = fileSystem
	File       = file
	Disk       = disk
)

// NewWithFiles is New with a replacement for the file operations.
var NewWithFiles = newQueue
