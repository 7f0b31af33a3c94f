package tracepage_test

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// A span in Zipkin's v2 form.
type span struct {
	TraceID     string            `json:"traceId"`
	ID          string            `json:"id"`
	ParentID    string            `json:"parentId,omitempty"`
	Kind        string            `json:"kind,omitempty"`
	Name        string            `json:"name,omitempty"`
	Timestamp   int64             `json:"timestamp,omitempty"`
	Duration    int64             `json:"duration,omitempty"`
	Local       *endpoint         `json:"localEndpoint,omitempty"`
	Remote      *endpoint         `json:"remoteEndpoint,omitempty"`
	Annotations []annotation      `json:"annotations,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
	Shared      bool              `json:"shared,omitempty"`
}

type endpoint struct {
	Service string `json:"serviceName,omitempty"`
	IPv4    string `json:"ipv4,omitempty"`
	Port    int    `json:"port,omitempty"`
}

type annotation struct {
	Timestamp int64  `json:"timestamp"`
	Value     string `json:"value"`
}

// A maker makes spans of one trace, whose times are after its start.
type maker struct {
	trace string
	start int64 // µs since 1970
	next  int
	spans []span
}

func newMaker(trace string, start time.Time) *maker {
	return &maker{trace: trace, start: start.UnixMicro()}
}

// add makes a span that begins a number of µs after the trace, and returns its id.
func (m *maker) add(parent, kind, service, name string, after, takes int64) string {
	m.next++
	id := fmt.Sprintf("%016x", m.next)
	s := span{TraceID: m.trace, ID: id, ParentID: parent, Kind: kind, Name: name,
		Timestamp: m.start + after, Duration: takes,
		Local: &endpoint{Service: service, IPv4: "127.0.0.1", Port: 50051}}
	m.spans = append(m.spans, s)
	return id
}

func (m *maker) last() *span { return &m.spans[len(m.spans)-1] }

// call returns the spans of one run of a client: two calls of a server with a database.
func call(trace string, start time.Time, factor int64, fails bool) []span {
	const book = "book.bookservice/"
	m := newMaker(trace, start)
	root := m.add("", "", "bookclient", "bookcaller", 0, 9000*factor)
	for i, name := range []string{book + "getbookinfo", book + "getbooklist"} {
		at := (200 + int64(i)*4600) * factor
		client := m.add(root, "CLIENT", "bookclient", name, at, 3900*factor)
		m.last().Remote = &endpoint{Service: "bookserver", IPv4: "127.0.0.1", Port: 50051}
		m.last().Tags = map[string]string{"rpc.system": "grpc", "rpc.method": name}
		server := m.add(client, "SERVER", "bookserver", name, at+400*factor, 3000*factor)
		m.last().Tags = map[string]string{"rpc.system": "grpc", "rpc.grpc.status_code": "0"}
		m.last().Annotations = []annotation{{m.start + at + 700*factor, "cache miss"}}
		if fails && i == 1 {
			m.last().Tags["error"] = "Unavailable: the database does not answer"
		}
		m.add(server, "CLIENT", "bookserver", "select books", at+900*factor, 2100*factor)
		m.last().Remote = &endpoint{Service: "sqlite"}
		m.last().Tags = map[string]string{"db.system": "sqlite",
			"db.query.text": "SELECT id, title, author FROM books WHERE id = ?"}
	}
	return m.spans
}

// load returns spans of a number of calls, the latest one now.
func load(calls int, step time.Duration) []span {
	random := rand.New(rand.NewPCG(1, 2))
	var spans []span
	start := time.Now().Add(-step * time.Duration(calls))
	for i := range calls {
		factor := 1 + int64(random.ExpFloat64()*4)
		spans = append(spans, call(fmt.Sprintf("5%031x", 0xabc000+i), start, factor, i%9 == 4)...)
		start = start.Add(step)
	}
	return spans
}

// large returns a trace of n spans with tags, of which each has up to eight children.
func large(n int) []span {
	random := rand.New(rand.NewPCG(3, 4))
	m := newMaker("00000000000000000000000000001a46", time.Now().Add(-time.Minute))
	type limits struct {
		id          string
		start, ends int64
	}
	open := []limits{{"", 0, int64(n) * 100}}
	for i := range n {
		above := open[0]
		if i > 0 {
			above = open[(i-1)/8]
		}
		room := above.ends - above.start
		start := above.start + random.Int64N(room/2+1)
		takes := 1 + random.Int64N(room-(start-above.start)+1)
		if i == 0 {
			start, takes = 0, above.ends
		}
		service := fmt.Sprintf("service-%d", i%12)
		id := m.add(above.id, []string{"", "CLIENT", "SERVER"}[i%3], service,
			fmt.Sprintf("operation %d", i%97), start, takes)
		m.last().Tags = map[string]string{"http.method": "GET",
			"http.path": fmt.Sprintf("/api/items/%d", i)}
		if i == 0 {
			open = open[:0]
		}
		open = append(open, limits{id, start, start + takes})
	}
	return m.spans
}
