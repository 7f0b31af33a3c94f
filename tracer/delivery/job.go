package delivery

// A job is a batch that is full or old enough to be sent. It is in memory until it is complete. The
// queue's lock guards all fields.
type job struct {
	whole Batch      // all spans; its memory is recycled
	parts []part     // the unsent parts, in order; more than one after a split
	file  *spoolFile // the file that holds the spans, or nil

	partlyDone bool // some of the spans in file are sent or dropped
	writing    bool // the writer writes the unsent parts to a file
	taken      bool // a sender has it
	probes     int  // splits without evidence, see judge

	sends  int // Sends that read whole, abandoned ones included
	pinned int // cost of the finished parts that these Sends still read
}

// A part is a part of a job.
type part struct {
	Batch
	refused bool   // the destination has refused it since its job was taken
	kind    Kind   // of the refusal: Split or Bisect
	judged  bool   // since is valid
	since   uint64 // Stats.Batches at the first refusal of the part or of one that held it
}

func newJob(b Batch) *job { return &job{whole: b, parts: []part{{Batch: b}}} }

// rest returns one batch with the unsent spans.
func (j *job) rest() Batch {
	if len(j.parts) == 1 {
		return j.parts[0].Batch
	}
	var all Batch
	for _, p := range j.parts {
		all.firstAdd = p.firstAdd
		for span := range p.All() {
			all.add(span)
		}
	}
	return all
}

// spans returns the number of unsent spans.
func (j *job) spans() (n int) {
	for _, p := range j.parts {
		n += p.Len()
	}
	return n
}

// cost returns what the unsent spans count against Config.QueueBytes.
func (j *job) cost() (n int) {
	for _, p := range j.parts {
		n += p.cost()
	}
	return n
}

// split replaces the part at index i by its halves, at the front.
func (j *job) split(i int) {
	p := &j.parts[i]
	first, second := p.halve()
	parts := make([]part, 0, len(j.parts)+1)
	for _, half := range []Batch{first, second} {
		parts = append(parts, part{Batch: half, judged: true, since: p.since})
	}
	parts = append(parts, j.parts[:i]...)
	j.parts = append(parts, j.parts[i+1:]...)
}

// toFront moves the part at index i to the front.
func (j *job) toFront(i int) {
	p := j.parts[i]
	copy(j.parts[1:i+1], j.parts[:i])
	j.parts[0] = p
}

// toBack moves the first part to the back.
func (j *job) toBack() {
	p := j.parts[0]
	copy(j.parts, j.parts[1:])
	j.parts[len(j.parts)-1] = p
}
