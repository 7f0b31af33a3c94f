package faults

import (
	"io"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/openzipkin/zipkin-go/model"
)

// A Fault is a failure of a collector and the load during it. All times start with the load.
type Fault struct {
	Name  string
	Rate  int           // finished spans a second
	Load  time.Duration // duration of the load
	Lasts time.Duration // duration of the fault

	// Restart closes the sender during the fault. After the fault the sender is opened and closed
	// again, without new spans.
	Restart bool

	absent   bool // the collector does not listen during the fault
	poisoned bool // one more span, which is not counted, is finished halfway
	answer   func(*collector, http.ResponseWriter, *http.Request)
}

// Spans returns the number of spans that are finished.
func (f Fault) Spans() int { return int(int64(f.Rate) * int64(f.Load) / int64(time.Second)) }

const (
	poisonedName = "poisoned"
	maxBody      = 100 << 10
	roundTrip    = 200 * time.Millisecond
	always       = time.Hour
)

// All returns the faults. Most last 5 s, and the load continues for 1 s after the fault.
func All() []Fault {
	faults := []Fault{
		{Name: "none"},
		{Name: "connections refused for 5 s", absent: true},
		{Name: "500 for 5 s", answer: status(http.StatusInternalServerError)},
		{Name: "503 for 5 s", answer: status(http.StatusServiceUnavailable)},
		{Name: "429 with Retry-After for 5 s", answer: status(http.StatusTooManyRequests)},
		{Name: "400 for one poisoned span", Lasts: always, poisoned: true, answer: refusePoison},
		{Name: "413 for more than 100 KiB", Lasts: always, answer: refuseLarge},
		{Name: "no answer for 6 s", Load: 7 * time.Second, Lasts: 6 * time.Second, answer: hang},
		{Name: "connections reset mid-body for 5 s", answer: reset},
		{Name: "half an answer for 5 s", answer: truncateAnswer},
		{Name: "200 ms an answer, 20,000 spans/s", Rate: 20000, Load: 10 * time.Second,
			Lasts: always, answer: slow},
		{Name: "down for the whole run, then up", Load: 5 * time.Second, Lasts: always,
			Restart: true, absent: true},
	}
	for i := range faults {
		f := &faults[i]
		if f.Rate == 0 {
			f.Rate = 2000
		}
		if f.Load == 0 {
			f.Load = 6 * time.Second
		}
		if f.Lasts == 0 && (f.absent || f.answer != nil) {
			f.Lasts = 5 * time.Second
		}
	}
	return faults
}

// status refuses all spans.
func status(code int) func(*collector, http.ResponseWriter, *http.Request) {
	return func(c *collector, w http.ResponseWriter, r *http.Request) {
		if code == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "1")
		}
		c.accept(w, r, func(request) int { return code })
	}
}

func refusePoison(c *collector, w http.ResponseWriter, r *http.Request) {
	poisoned := func(s model.SpanModel) bool { return s.Name == poisonedName }
	c.accept(w, r, func(r request) int {
		if slices.ContainsFunc(r.spans, poisoned) {
			return http.StatusBadRequest
		}
		return 0
	})
}

func refuseLarge(c *collector, w http.ResponseWriter, r *http.Request) {
	c.accept(w, r, func(r request) int {
		if r.size > maxBody {
			return http.StatusRequestEntityTooLarge
		}
		return 0
	})
}

func slow(c *collector, w http.ResponseWriter, r *http.Request) {
	wait(r, roundTrip)
	c.accept(w, r, nil)
}

// hang reads the request and does not answer until the fault ends.
func hang(c *collector, _ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	select {
	case <-c.failing.Done():
	case <-r.Context().Done():
	}
	panic(http.ErrAbortHandler) // closes the connection
}

// reset breaks the connection while the sender still writes.
func reset(_ *collector, w http.ResponseWriter, r *http.Request) {
	_, _ = r.Body.Read(make([]byte, 1))
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	_ = conn.(*net.TCPConn).SetLinger(0) // RST instead of FIN
	_ = conn.Close()
}

// truncateAnswer answers with success, and breaks the connection within the answer.
func truncateAnswer(_ *collector, w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Length", "2")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write([]byte("o"))
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}
