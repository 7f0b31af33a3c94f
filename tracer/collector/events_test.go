package collector_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"bookservice/tracer/collector"
	"bookservice/tracer/tracertest/testkit"
)

// An event is a server-sent event.
type event struct{ id, name, data string }

// listen starts to read the events after a number, or from now on. The channel is closed at the end
// of the stream.
func listen(t *testing.T, url, last string) <-chan event {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/zipkin/api/v2/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	client := &http.Client{Transport: &http.Transport{}}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if have := resp.Header.Get("Content-Type"); have != "text/event-stream" {
		t.Errorf("have type %s", have)
	}
	events, done := make(chan event, 10_000), make(chan struct{})
	go func() {
		defer close(done)
		defer close(events)
		var e event
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			switch name {
			case "id":
				e.id = value
			case "event":
				e.name = value
			case "data":
				e.data = value
			case "":
				if e.name != "" {
					events <- e
				}
				e = event{}
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		resp.Body.Close()
		client.CloseIdleConnections()
	})
	return events
}

// next returns the next event with this name, and skips others.
func next(t *testing.T, events <-chan event, name string) event {
	t.Helper()
	limit := time.After(10 * time.Second)
	for {
		select {
		case e, ok := <-events:
			if !ok {
				t.Fatalf("the stream has ended before %s", name)
			}
			if e.name == name {
				return e
			}
		case <-limit:
			t.Fatalf("have no event %s after 10 s", name)
		}
	}
}

// A listener gets each change of a trace, and what is lost and forgotten.
func TestEventsFollowTheTraces(t *testing.T) {
	testkit.Slow(t)
	s := newServer(t, func(c *collector.Config) { c.MaxBytes = 1 << 20 })
	events := listen(t, s.URL, "")
	next(t, events, "losses") // the state at the start
	s.post(call[0])
	var one summary
	e := next(t, events, "summary")
	if err := json.Unmarshal([]byte(e.data), &one); err != nil {
		t.Fatal(err)
	}
	s.same("summary", one, s.summaries("").Summaries[0])
	if e.id != fmt.Sprint(one.Seq) {
		t.Errorf("have id %s, want %d", e.id, one.Seq)
	}
	s.post(call[1])
	if e := next(t, events, "summary"); !strings.Contains(e.data, `"spans":2`) {
		t.Errorf("have %s, want two spans", e.data)
	}
	s.do("POST", "/api/v2/spans", "[]", collector.LossesHeader, "service=s;since=1;full=3")
	if e := next(t, events, "losses"); !strings.Contains(e.data, `{"reason":"full","spans":3}`) {
		t.Errorf("have %s, want the report", e.data)
	}
	for i := range 20 {
		s.post(fmt.Sprintf(`{"traceId":"b%d","id":"1","tags":{"t":"%0100000d"}}`, i, i))
	}
	if e := next(t, events, "evicted"); !strings.Contains(e.data, `"00000000000000a1"`) {
		t.Errorf("have %s, want the first trace evicted", e.data)
	}
	s.do("POST", "/api/v2/clear", "")
	next(t, events, "cleared")
	s.post(call...)
	next(t, events, "summary")
}

// Changes of one trace are put together: at most ten events a second.
func TestEventsOfOneTraceAreCoalesced(t *testing.T) {
	s := newServer(t, nil)
	events := listen(t, s.URL, "")
	start := time.Now()
	for i := range 500 {
		s.post(fmt.Sprintf(`{"traceId":"1","id":"%x"}`, i+1))
	}
	count := 0
	for {
		e := next(t, events, "summary")
		count++
		if strings.Contains(e.data, `"spans":500`) {
			break
		}
	}
	if most := int(time.Since(start)/(100*time.Millisecond)) + 2; count > most {
		t.Errorf("have %d events in %v, want at most %d", count, time.Since(start), most)
	}
}

// A listener that comes back continues after the last event that it has read.
func TestEventsContinueAfterTheLastID(t *testing.T) {
	s := newServer(t, nil)
	s.post(`{"traceId":"1","id":"1"}`)
	seq := fmt.Sprint(s.summaries("").Seq)
	s.post(`{"traceId":"2","id":"1"}`)
	s.post(`{"traceId":"3","id":"1"}`)
	events := listen(t, s.URL, seq)
	for _, want := range []string{"2", "3"} {
		if e := next(t, events, "summary"); !strings.Contains(e.data, "000"+want+`"`) {
			t.Errorf("have %s, want trace %s", e.data, want)
		}
	}
}

// A listener that cannot continue is told, and reads everything anew.
func TestListenerWithAGapIsTold(t *testing.T) {
	s := newServer(t, nil)
	s.post(`{"traceId":"1","id":"1"}`)
	seq := fmt.Sprint(s.summaries("").Seq)
	var spans []string
	for i := range 1100 {
		spans = append(spans, fmt.Sprintf(`{"traceId":"%x","id":"1"}`, i+2))
	}
	s.post(spans...)
	for name, last := range map[string]string{
		"too far behind": seq, "no number": "x",
		"of an earlier collector": "17", "of a later one": "99999999999999999",
	} {
		e := next(t, listen(t, s.URL, last), "gap")
		if e.id == "" {
			t.Errorf("%s: the gap has no id to continue from", name)
		}
	}
}

// The stream outlives a server's limit for reading a request, and ends when the collector closes.
func TestEventsEndWithTheCollector(t *testing.T) {
	c, err := collector.New(collector.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(c)
	s.Config.ReadTimeout = 200 * time.Millisecond
	s.Start()
	defer s.Close()
	events := listen(t, s.URL, "")
	next(t, events, "losses")
	pause := time.NewTimer(500 * time.Millisecond)
	<-pause.C
	post(c, "application/json", []byte("["+call[0]+"]"))
	next(t, events, "summary")
	c.Close()
	c.Close()
	select {
	case _, open := <-events:
		if open {
			t.Error("have an event, want the end")
		}
	case <-time.After(5 * time.Second):
		t.Error("the stream has not ended")
	}
}
