package delivery

import "time"

// A destination that refuses a batch gives no reason that a program can read. Either some spans of
// the batch are malformed, or the destination refuses everything: a proxy that expects TLS, an
// endpoint of another protocol, a limit for the size that no batch meets. Malformed spans must be
// dropped, or they would block the queue. In the other case all spans must be kept until the
// configuration is corrected.
//
// The evidence is whether the destination accepts anything else. A part is halved or dropped only
// if a batch, or another part of the same batch, was accepted after the part was refused, and not
// long ago. Without evidence, one sender looks for it: it halves one batch a few times. If both
// halves are refused each time, the destination refuses everything: its batches are set aside and
// tried again slowly, one request each, until it accepts one.

// maxRefusedInRow is how many refusals in a row leave former evidence valid.
const maxRefusedInRow = 5

// maxProbes is how often a batch that is refused as malformed is halved without evidence. A batch
// that is too large is halved down to single spans.
const maxProbes = 3

// refuse acts on a refusal of the first part of j. The caller holds the lock.
func (q *Queue) refuse(j *job, kind Kind) outcome {
	p := &j.parts[0]
	if !p.judged {
		p.judged, p.since = true, q.stats.Batches
	}
	p.refused, p.kind = true, kind
	j.toBack()
	q.failing = true
	q.refusedInRow++
	return q.judge(j)
}

// judge decides what follows for a job whose first part was sent, dropped or refused: the next
// attempt, or none for a while. The caller holds the lock.
func (q *Queue) judge(j *job) outcome {
	for len(j.parts) > 0 {
		if i := j.find(q.hasEvidence); i >= 0 {
			q.condemn(j, i)
			continue
		}
		if q.refusals > 0 && j.find(func(p *part) bool { return p.refused }) >= 0 {
			return q.setAside()
		}
		if i := j.find(func(p *part) bool { return !p.refused }); i >= 0 {
			j.toFront(i)
			break
		}
		if q.prober != nil && q.prober != j {
			return outcome{done: true, park: true, delay: jitter(q.cfg.MinBackoff)}
		}
		i := j.probe()
		if i < 0 {
			return q.setAside()
		}
		q.prober = j
		j.split(i)
	}
	return outcome{done: true}
}

// probe returns the index of the refused part to halve without evidence: the smallest one of two or
// more spans. It returns -1 if further halves would say nothing new.
func (j *job) probe() int {
	smallest := -1
	for i := range j.parts {
		p := &j.parts[i]
		switch {
		case p.kind == Split && p.Len() == 1, p.kind == Bisect && j.probes == maxProbes:
			return -1
		case p.Len() > 1 && (smallest < 0 || p.Len() < j.parts[smallest].Len()):
			smallest = i
		}
	}
	j.probes++
	return smallest
}

// hasEvidence reports whether a refused part is known to hold a malformed span, or to be too large.
// The caller holds the lock.
func (q *Queue) hasEvidence(p *part) bool {
	return p.refused && q.stats.Batches > p.since && q.refusedInRow <= maxRefusedInRow
}

// find returns the index of the first part for which ok returns true, or -1.
func (j *job) find(ok func(*part) bool) int {
	for i := range j.parts {
		if ok(&j.parts[i]) {
			return i
		}
	}
	return -1
}

// condemn halves the part at index i, which is known to hold a malformed span or to be too large. A
// single span is dropped. The caller holds the lock.
func (q *Queue) condemn(j *job, i int) {
	if j.parts[i].Len() > 1 {
		j.split(i)
		return
	}
	reason := Refused
	if j.parts[i].kind == Split {
		reason = TooBig
	}
	j.toFront(i)
	q.dropPart(j, reason)
}

// setAside returns when a job is tried again whose destination refuses everything. The caller holds
// the lock.
func (q *Queue) setAside() outcome {
	q.prober = nil
	backoff := q.cfg.MaxBackoff
	if q.refusals < 30 {
		backoff = min(backoff, q.cfg.MinBackoff<<q.refusals)
	}
	q.refusals++
	q.stats.Retried++
	q.reportRejected(q.lastErr)
	return outcome{done: true, park: true, delay: jitter(backoff)}
}

// park keeps j until it is due, or until the destination has accepted something. The caller holds
// the lock.
func (q *Queue) park(j *job) {
	for i := range j.parts {
		j.parts[i].refused = false // it is sent again before it is judged
	}
	if q.prober == j {
		q.prober = nil
	}
	j.taken, j.probes = false, 0
	q.parked = append(q.parked, parkedJob{j, time.Now().Add(q.cfg.MaxBackoff)})
}

// A parkedJob is a job that is not tried before due unless the destination accepts another.
type parkedJob struct {
	*job
	due time.Time
}

// takeParked takes the oldest parked job if it may be tried. Otherwise a timer wakes a sender when
// it may. The caller holds the lock.
func (q *Queue) takeParked() *job {
	if len(q.parked) == 0 {
		return nil
	}
	p := q.parked[0]
	waiting := q.refusals > 0 || q.prober != nil
	if wait := time.Until(p.due); waiting && wait > 0 && !q.closeCalled {
		q.parkTimer.Reset(wait)
		return nil
	}
	q.parked[0] = parkedJob{}
	q.parked = q.parked[1:]
	return p.job
}
