package delivery

import (
	"math/bits"
	"time"
)

// A destination that refuses a batch gives no reason that a program can read. Either some spans of
// the batch are malformed, or the destination refuses everything: a proxy that expects TLS, an
// endpoint of another protocol, a limit for the size that no batch meets. Malformed spans must be
// dropped, or they would block the queue. In the other case all spans must be kept until the
// configuration is corrected.
//
// The evidence is whether the destination accepts anything else. A part is halved or dropped only
// if a batch, or another part of the same batch, was accepted after the part was refused, and not
// long ago. A span is dropped only after several refusals of it alone, because one of several
// collectors behind an address may refuse what the others accept.
//
// Without evidence, one sender looks for it: it halves one batch down to single spans. If all of
// that is refused, the destination refuses everything, or nearly all spans are malformed. Batches
// are then set aside and tried again slowly, with a few halvings each time, until the destination
// accepts one.

const (
	// maxRefusedInRow is how many refusals in a row leave former evidence valid: those that halve
	// a batch of 4 Mi spans.
	maxRefusedInRow = 22
	// maxRefusedDrop is the same for a span that is dropped.
	maxRefusedDrop = 8
	// minRefusals is how often a single span is refused before it is dropped.
	minRefusals = 4
	// maxProbes is how often a batch is halved without evidence when it is tried again. The first
	// time, it is also halved as often as it takes to get to a single span.
	maxProbes = 3
)

// refuse acts on a refusal of the first part of j. The caller holds the lock.
func (q *Queue) refuse(j *job, kind Kind) outcome {
	p := &j.parts[0]
	if !p.judged {
		p.judged, p.since = true, q.stats.Batches
	}
	p.refused, p.kind = true, kind
	p.refusals++
	j.toBack()
	q.failing = true
	q.refusedInRow++
	if j.parked && j.parkedAt == q.stats.Batches {
		for i := range j.parts { // nothing has changed since then: the others would be refused too
			j.parts[i].refused = true
		}
	}
	j.parked = false
	return q.judge(j)
}

// judge decides what follows for a job whose first part was sent, dropped or refused: the next
// attempt, or none for a while. The caller holds the lock.
func (q *Queue) judge(j *job) outcome {
	for len(j.parts) > 0 {
		if i := j.find(q.isCondemned); i >= 0 {
			q.condemn(j, i)
			continue
		}
		if i := j.find(q.isDoubtful); i >= 0 {
			j.parts[i].refused = false
			j.toFront(i)
			break
		}
		if i := j.find(func(p *part) bool { return !p.refused }); i >= 0 {
			j.toFront(i)
			break
		}
		if q.prober != nil && q.prober != j {
			return outcome{done: true, park: true, delay: jitter(q.cfg.MinBackoff)}
		}
		i := q.probe(j)
		if i < 0 {
			return q.setAside()
		}
		q.prober = j
		j.split(i)
	}
	return outcome{done: true}
}

// probe returns the index of the refused part to halve without evidence: one of the smallest with
// two or more spans. It returns -1 if further halves would say nothing new for now. The caller
// holds the lock.
func (q *Queue) probe(j *job) int {
	limit := maxProbes
	if q.refusals == 0 {
		limit += bits.Len(uint(j.whole.Len())) // down to single spans
	}
	if j.probes >= limit || q.refusals > 0 && time.Now().Before(q.nextProbe) {
		return -1
	}
	smallest := -1
	for i := range j.parts {
		p := &j.parts[i]
		if p.Len() > 1 && (smallest < 0 || p.Len() < j.parts[smallest].Len()) {
			smallest = i
		}
	}
	j.probes++
	return smallest
}

// hasEvidence reports whether a refused part is known to hold a malformed span, or to be too large,
// if no more than inRow refusals are the latest. The caller holds the lock.
func (q *Queue) hasEvidence(p *part, inRow int) bool {
	return p.refused && q.stats.Batches > p.since && q.refusedInRow <= inRow
}

// isCondemned reports whether a part is to be halved or dropped. The caller holds the lock.
func (q *Queue) isCondemned(p *part) bool {
	if p.Len() > 1 {
		return q.hasEvidence(p, maxRefusedInRow)
	}
	return p.refusals >= minRefusals && q.hasEvidence(p, maxRefusedDrop)
}

// isDoubtful reports whether a part is a span that should be sent once more before it is dropped.
// The caller holds the lock.
func (q *Queue) isDoubtful(p *part) bool {
	return p.Len() == 1 && p.refusals < minRefusals && q.hasEvidence(p, maxRefusedDrop)
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
	if q.prober != nil {
		q.prober, q.nextProbe = nil, time.Now().Add(q.cfg.MaxBackoff)
	}
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
	j.taken, j.probes, j.parked, j.parkedAt = false, 0, true, q.stats.Batches
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
