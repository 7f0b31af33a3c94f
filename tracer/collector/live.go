package collector

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"bookservice/tracer/collector/internal/store"
	"bookservice/tracer/collector/internal/zipkinv2"
)

// Limits of the page's questions.
const (
	summaryLimit    = 100 // traces, unless asked otherwise
	maxSummaryLimit = 10_000
	runningLimit    = 1000
)

func (c *Collector) getSummaries(w http.ResponseWriter, r *http.Request) {
	q, err := c.parseSummaryQuery(r)
	if err != nil {
		badRequest(w, err.Error())
		return
	}
	seq := c.store.Seq()
	found, more := c.store.Summaries(q)
	if found == nil {
		found = []store.Summary{}
	}
	w.Header().Set("Cache-Control", "no-store")
	answerValue(w, r, struct {
		Summaries []store.Summary `json:"summaries"`
		More      bool            `json:"more"`
		Seq       uint64          `json:"seq"` // events after it are about later changes
	}{found, more, seq})
}

// parseSummaryQuery reads the parameters of /traces and those that only summaries have. Without
// endTs and lookback, traces of all times are meant.
func (c *Collector) parseSummaryQuery(r *http.Request) (*store.Query, error) {
	values := r.URL.Query()
	q, err := c.parseQuery(values)
	if err != nil {
		return nil, err
	}
	if values.Get("endTs") == "" && values.Get("lookback") == "" {
		q.End, q.Lookback = 0, 0
	}
	if values.Get("limit") == "" {
		q.Limit = summaryLimit
	}
	q.Limit = min(q.Limit, maxSummaryLimit)
	q.Text = strings.ToLower(values.Get("text"))
	if v := values.Get("error"); v != "" {
		if q.Error, err = strconv.ParseBool(v); err != nil {
			return nil, fmt.Errorf("error %q: must be true or false", v)
		}
	}
	if v := values.Get("before"); v != "" {
		if q.Before, err = strconv.ParseUint(v, 10, 64); err != nil {
			return nil, fmt.Errorf("before %q: must be the seq of a summary", v)
		}
	}
	for _, tag := range values["tag"] {
		key, value, _ := strings.Cut(tag, "=")
		if key == "" {
			return nil, errors.New("tag: must be key or key=value")
		}
		q.Annotations[key] = value
	}
	return q, nil
}

// Limits of the stream of events.
const (
	eventInterval = 100 * time.Millisecond // between two updates
	lossInterval  = time.Second            // between two events about losses
	eventBeat     = 15 * time.Second       // between two signs of life
	eventTimeout  = 10 * time.Second       // for a client to read an update
	maxSummaries  = 1000                   // in one update; beyond it there is a gap
)

// getEvents streams what changes. Each client reads from the store at its own pace, so that a slow
// one uses no memory. Changes of one trace between two reads are one event.
func (c *Collector) getEvents(w http.ResponseWriter, r *http.Request) {
	seq := c.store.Seq()
	last := r.Header.Get("Last-Event-ID")
	if last == "" {
		last = r.URL.Query().Get("since")
	}
	if last != "" {
		if n, err := strconv.ParseUint(last, 10, 64); err == nil {
			seq = n
		} else {
			seq = 0 // a gap
		}
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	s := &eventStream{w: w, control: http.NewResponseController(w)}
	_ = s.control.SetReadDeadline(time.Time{}) // the stream outlives a limit for requests
	s.comment("events")
	s.losses(c.store.Losses(), time.Now())
	if s.flush() != nil {
		return
	}
	for c.nextEvents(r, s, &seq) {
	}
}

// nextEvents waits for changes and writes them. It reports false at the end of the stream.
func (c *Collector) nextEvents(r *http.Request, s *eventStream, seq *uint64) bool {
	wait := eventBeat
	if s.lossesDue {
		wait = max(0, time.Until(s.lossesSent.Add(lossInterval)))
	}
	beat := time.NewTimer(wait)
	defer beat.Stop()
	select {
	case <-c.store.Wait(*seq):
		changes := c.store.Changes(*seq, maxSummaries)
		*seq = changes.Seq
		c.writeChanges(s, &changes)
	case <-beat.C:
		if !s.lossesDue {
			s.comment("beat")
		}
	case <-r.Context().Done():
		return false
	case <-c.closing:
		return false
	}
	if now := time.Now(); s.lossesDue && now.Sub(s.lossesSent) >= lossInterval {
		s.losses(c.store.Losses(), now)
	}
	if s.flush() != nil {
		return false
	}
	pause := time.NewTimer(eventInterval)
	defer pause.Stop()
	select {
	case <-pause.C:
		return true
	case <-r.Context().Done():
	case <-c.closing:
	}
	return false
}

func (c *Collector) writeChanges(s *eventStream, changes *store.Changes) {
	s.id = changes.Seq
	if changes.Gap {
		s.event("gap", struct{}{})
		s.lossesDue = true
		return
	}
	if changes.Cleared {
		s.event("cleared", struct{}{})
	}
	if len(changes.Evicted) > 0 {
		s.event("evicted", struct {
			TraceIDs []string `json:"traceIds"`
		}{changes.Evicted})
	}
	for _, summary := range changes.Summaries {
		s.event("summary", summary)
	}
	s.lossesDue = s.lossesDue || changes.Losses
}

// An eventStream writes server-sent events (HTML standard, section 9.2).
type eventStream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	id      uint64 // of the events that follow; 0 is none
	pending []byte

	lossesDue  bool
	lossesSent time.Time
}

func (s *eventStream) losses(l store.Losses, now time.Time) {
	s.event("losses", l)
	s.lossesDue, s.lossesSent = false, now
}

func (s *eventStream) comment(text string) {
	s.pending = append(append(append(s.pending, ": "...), text...), "\n\n"...)
}

func (s *eventStream) event(name string, data any) {
	body, err := json.Marshal(data)
	if err != nil {
		return // all types are the collector's own
	}
	if s.id != 0 {
		s.pending = fmt.Appendf(s.pending, "id: %d\n", s.id)
	}
	s.pending = fmt.Appendf(s.pending, "event: %s\ndata: %s\n\n", name, body)
}

func (s *eventStream) flush() error {
	// A writer without deadlines, like that of a test, has no slow client.
	_ = s.control.SetWriteDeadline(time.Now().Add(eventTimeout))
	if _, err := s.w.Write(s.pending); err != nil {
		return err
	}
	s.pending = s.pending[:0]
	return s.control.Flush()
}

func (c *Collector) postClear(w http.ResponseWriter, r *http.Request) {
	if !sameOrigin(r) {
		text(w, http.StatusForbidden, plainText, "only the collector's own page may clear it\n")
		return
	}
	c.store.Clear()
	w.WriteHeader(http.StatusNoContent)
}

func (c *Collector) getLosses(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	answerValue(w, r, struct {
		store.Losses

		Oldest int64 `json:"oldest"` // start of the oldest trace in microseconds since 1970, or 0
	}{c.store.Losses(), c.store.Oldest()})
}

func (c *Collector) getRunning(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	answerValue(w, r, c.store.Running(runningLimit))
}

func (c *Collector) getDurations(w http.ResponseWriter, r *http.Request) {
	values := r.URL.Query()
	service, err := mandatory(values, "service")
	if err != nil {
		badRequest(w, err.Error())
		return
	}
	var kind *zipkinv2.Kind
	if name := values.Get("kind"); name != "" {
		k, ok := zipkinv2.ParseKind(strings.ToUpper(name))
		if !ok {
			badRequest(w, fmt.Sprintf(
				"kind %q: must be one of CLIENT, CONSUMER, PRODUCER, SERVER", name))
			return
		}
		kind = &k
	}
	w.Header().Set("Cache-Control", "no-store")
	answerValue(w, r, c.store.Durations(
		zipkinv2.Lower(service), zipkinv2.Lower(values.Get("name")), kind))
}
