package faults

import (
	"io"
	"net"
	"net/http"
	"slices"
	"time"
)

// A Fault is a way for a collector to go wrong, and the load while it does. All times count from the beginning of the load.
type Fault struct {
	Name  string
	Rate  int           // spans that are finished a second
	Load  time.Duration // for so long
	Lasts time.Duration // the fault, from the beginning on

	// Restart has the sender end while the fault lasts, and begin once more when it is over, without any new span.
	Restart bool

	absent   bool // nobody listens while the fault lasts
	poisoned bool // there is one more span, in the middle, that is not counted
	answer   func(*collector, http.ResponseWriter, *http.Request)
}

// Spans returns how many spans are finished.
func (f Fault) Spans() int { return int(int64(f.Rate) * int64(f.Load) / int64(time.Second)) }

const (
	poisonedName = "poisoned"
	maxBody      = 100 << 10
	roundTrip    = 200 * time.Millisecond
	always       = time.Hour
)

// All returns the faults. Most last five seconds, and are followed by one in which all is well.
func All() []Fault {
	const usual, second = 2000, time.Second
	return []Fault{
		{Name: "none", Rate: usual, Load: 6 * second},
		{Name: "connections refused for 5 s", Rate: usual, Load: 6 * second, Lasts: 5 * second, absent: true},
		{Name: "500 for 5 s", Rate: usual, Load: 6 * second, Lasts: 5 * second, answer: status(http.StatusInternalServerError)},
		{Name: "503 for 5 s", Rate: usual, Load: 6 * second, Lasts: 5 * second, answer: status(http.StatusServiceUnavailable)},
		{Name: "429 with Retry-After for 5 s", Rate: usual, Load: 6 * second, Lasts: 5 * second, answer: status(http.StatusTooManyRequests)},
		{Name: "400 for one poisoned span", Rate: usual, Load: 6 * second, Lasts: always, poisoned: true, answer: refusePoison},
		{Name: "413 for more than 100 KiB", Rate: usual, Load: 6 * second, Lasts: always, answer: refuseLarge},
		{Name: "no answer for 6 s", Rate: usual, Load: 7 * second, Lasts: 6 * second, answer: hang},
		{Name: "connections reset mid-body for 5 s", Rate: usual, Load: 6 * second, Lasts: 5 * second, answer: reset},
		{Name: "half an answer for 5 s", Rate: usual, Load: 6 * second, Lasts: 5 * second, answer: halfAnAnswer},
		{Name: "200 ms an answer, 20,000 spans/s", Rate: 10 * usual, Load: 10 * second, Lasts: always, answer: slow},
		{Name: "down for the whole run, then up", Rate: usual, Load: 5 * second, Lasts: always, Restart: true, absent: true},
	}
}

// status refuses all spans.
func status(code int) func(*collector, http.ResponseWriter, *http.Request) {
	return func(c *collector, w http.ResponseWriter, r *http.Request) {
		if code == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "1")
		}
		c.take(w, r, func(posted) int { return code })
	}
}

func refusePoison(c *collector, w http.ResponseWriter, r *http.Request) {
	c.take(w, r, func(p posted) int {
		if slices.ContainsFunc(p.spans, func(s span) bool { return s.name == poisonedName }) {
			return http.StatusBadRequest
		}
		return 0
	})
}

func refuseLarge(c *collector, w http.ResponseWriter, r *http.Request) {
	c.take(w, r, func(p posted) int {
		if p.size > maxBody {
			return http.StatusRequestEntityTooLarge
		}
		return 0
	})
}

func slow(c *collector, w http.ResponseWriter, r *http.Request) {
	wait(r, roundTrip)
	c.take(w, r, nil)
}

// hang reads the request and says nothing as long as the fault lasts.
func hang(c *collector, _ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	select {
	case <-c.wrong.Done():
	case <-r.Context().Done():
	}
	panic(http.ErrAbortHandler) // closes the connection
}

// reset breaks the connection while the sender is still writing.
func reset(_ *collector, w http.ResponseWriter, r *http.Request) {
	_, _ = r.Body.Read(make([]byte, 1))
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	_ = conn.(*net.TCPConn).SetLinger(0) // RST instead of FIN
	_ = conn.Close()
}

// halfAnAnswer says that all is well, and dies while it does.
func halfAnAnswer(_ *collector, w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Length", "2")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write([]byte("o"))
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}
