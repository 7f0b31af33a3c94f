package delivery

// The file operations of a spool, for tests that replace them.
type (
	FileSystem = fileSystem
	File       = file
	Disk       = disk
)

// NewWithFiles is New with a replacement for the file operations.
var NewWithFiles = newQueue

// Jobs returns the number of jobs of the senders.
func Jobs(q *Queue) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.jobs)
}
