package spanfile

// Occupy uses the file until release is called, as a write that the disk does not answer.
func (w *Writer) Occupy() (release func()) {
	w.use <- struct{}{}
	return func() { <-w.use }
}
