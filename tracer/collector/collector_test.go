package collector_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"bookservice/tracer/collector"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A server is a collector that a test asks.
type server struct {
	*httptest.Server

	t testing.TB
}

func newServer(t testing.TB, change func(*collector.Config)) server {
	t.Helper()
	config := collector.DefaultConfig()
	config.Logger = slog.New(slog.DiscardHandler)
	if change != nil {
		change(&config)
	}
	c, err := collector.New(config)
	if err != nil {
		t.Fatal(err)
	}
	s := server{httptest.NewServer(c), t}
	t.Cleanup(func() {
		c.Close()
		s.Client().CloseIdleConnections()
		s.Close()
	})
	return s
}

// do sends a request. header has names and values.
func (s server) do(method, path, body string, header ...string) (*http.Response, string) {
	s.t.Helper()
	r, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := s.Client().Transport.RoundTrip(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp, string(text)
}

// post posts spans in JSON, which must be accepted.
func (s server) post(spans ...string) {
	s.t.Helper()
	resp, text := s.do("POST", "/api/v2/spans", "["+strings.Join(spans, ",")+"]")
	if resp.StatusCode != http.StatusAccepted {
		s.t.Fatalf("POST: have %s %s", resp.Status, text)
	}
}

// get reads the JSON of an answer into a value.
func (s server) get(path string, value any) {
	s.t.Helper()
	resp, text := s.do("GET", path, "")
	if resp.StatusCode != http.StatusOK {
		s.t.Fatalf("GET %s: have %s %s", path, resp.Status, text)
	}
	if err := json.Unmarshal([]byte(text), value); err != nil {
		s.t.Fatalf("GET %s: %v in %s", path, err, text)
	}
}

func (s server) same(what string, have, want any) {
	s.t.Helper()
	if diff := cmp.Diff(want, have); diff != "" {
		s.t.Errorf("%s: -want +have\n%s", what, diff)
	}
}

type (
	summaries struct {
		Summaries []summary
		More      bool
		Seq       uint64
	}
	summary struct {
		TraceID, RootService, RootName string
		Timestamp, Duration            int64
		Spans, Errors, Open, Missing   int
		Services                       []serviceCount
		Seq                            uint64
	}
	serviceCount struct {
		Name          string
		Spans, Errors int
	}
	losses struct {
		Senders   []sender
		Collector struct {
			EvictedTraces, EvictedSpans int64
			Refused                     []lost
		}
	}
	sender struct {
		Service, Instance string
		Since             int64
		Lost              []lost
	}
	lost struct {
		Reason string
		Spans  int64
	}
)

func (s server) summaries(query string) summaries {
	s.t.Helper()
	var all summaries
	s.get("/zipkin/api/v2/summaries?"+query, &all)
	return all
}

// ids returns the ids of the traces that a query selects, in order.
func (s server) ids(query string) string {
	s.t.Helper()
	var ids []string
	for _, one := range s.summaries(query).Summaries {
		ids = append(ids, strings.TrimLeft(one.TraceID, "0"))
	}
	return strings.Join(ids, " ")
}

// call is a trace of a client and a server in two services, of which the server has failed.
var call = []string{
	`{"traceId":"a1","id":"2","parentId":"1","kind":"SERVER","name":"Find","timestamp":1000200,
	  "duration":500,"localEndpoint":{"serviceName":"store"},"tags":{"error":"no book"}}`,
	`{"traceId":"a1","id":"1","kind":"CLIENT","name":"GET /","timestamp":1000000,"duration":900,
	  "localEndpoint":{"serviceName":"Front"}}`,
}

// A summary says what a trace is, from all its pieces.
func TestSummaryCountsSpansErrorsOpenAndMissing(t *testing.T) {
	s := newServer(t, nil)
	s.post(call[0])
	want := summary{
		TraceID: "00000000000000a1", RootService: "store", RootName: "find", Timestamp: 1000200,
		Duration: 500, Spans: 1, Errors: 1, Missing: 1, Services: []serviceCount{{"store", 1, 1}},
	}
	check := func(what string) {
		t.Helper()
		all := s.summaries("")
		if len(all.Summaries) != 1 {
			t.Fatalf("%s: have %v, want one summary", what, all)
		}
		have := all.Summaries[0]
		have.Seq = 0
		if have.Open > 0 { // it lasts until now
			if since := time.Now().UnixMicro() - have.Timestamp; since-have.Duration > 60e6 {
				t.Errorf("%s: have duration %d, want about %d", what, have.Duration, since)
			}
			have.Duration = want.Duration
		}
		s.same(what, have, want)
	}
	check("a span whose parent is missing")

	s.post(call[1])
	want.RootService, want.RootName, want.Timestamp, want.Duration = "front", "get /", 1000000, 900
	want.Spans, want.Missing = 2, 0
	want.Services = append(want.Services, serviceCount{"front", 1, 0})
	check("with the parent")

	s.post(call...)
	check("the same again")

	start := `{"traceId":"a1","id":"3","parentId":"2","name":"query","timestamp":1000300,
		"localEndpoint":{"serviceName":"db"}`
	s.post(start + "}")
	want.Spans, want.Open = 3, 1
	want.Services = append(want.Services, serviceCount{"db", 1, 0})
	check("with the start of a span")

	s.post(start + `,"duration":5000,"tags":{"error":""}}`)
	want.Open, want.Errors, want.Duration, want.Services[2].Errors = 0, 2, 5300, 1
	check("with its end")

	s.post(`{"traceId":"a1","id":"1","kind":"SERVER","shared":true,"timestamp":1000001,
		"localEndpoint":{"serviceName":"front"}}`)
	want.Spans, want.Services[1].Spans = 4, 2
	check("with a server that shares its client's id")
}

// The parameters of /traces select summaries too, and those that only summaries have.
func TestSummariesAreFiltered(t *testing.T) {
	s := newServer(t, nil)
	s.post(call...)
	s.post(`{"traceId":"b2","id":"1","name":"list","timestamp":2000000,"duration":50,
		"localEndpoint":{"serviceName":"front"},"remoteEndpoint":{"serviceName":"cache"},
		"tags":{"Env":"Prod","user":"x=y"},
		"annotations":[{"timestamp":2000001,"value":"Retried once"}]}`)
	s.post(`{"traceId":"c3","id":"1","name":"none"}`) // without any time
	for query, want := range map[string]string{
		"":                                 "c3 b2 a1",
		"limit=2":                          "c3 b2",
		"serviceName=front":                "b2 a1",
		"serviceName=STORE":                "a1",
		"serviceName=nope":                 "",
		"spanName=LIST":                    "b2",
		"remoteServiceName=cache":          "b2",
		"minDuration=500":                  "a1",
		"minDuration=50&maxDuration=50":    "b2",
		"error=true":                       "a1",
		"error=true&serviceName=front":     "",
		"error=false":                      "c3 b2 a1",
		"tag=Env%3DProd":                   "b2",
		"tag=Env%3DProd&tag=user%3Dx%3Dy":  "b2",
		"tag=Env%3DProd&tag=user%3Dx":      "",
		"tag=Env":                          "b2",
		"annotationQuery=Retried+once":     "b2",
		"text=retried":                     "b2",
		"text=PROD":                        "b2",
		"text=no+book":                     "a1",
		"text=00a1":                        "a1",
		"text=store&serviceName=front":     "",
		"text=nothing":                     "",
		"endTs=1500&lookback=1000":         "a1",
		"endTs=3000&lookback=2500":         "b2 a1",
		"endTs=3000&lookback=1000&limit=1": "b2",
		"endTs=500":                        "",
	} {
		if have := s.ids(query); have != want {
			t.Errorf("%q: have %q, want %q", query, have, want)
		}
	}
	for query := range strings.FieldsSeq("limit=0 error=maybe before=x tag= tag=%3Dx endTs=0") {
		resp, text := s.do("GET", "/api/v2/summaries?"+query, "")
		if resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%q: have %s %s, want 400", query, resp.Status, text)
		}
	}
}

// A reader gets all summaries page by page, each once, also with a filter on spans.
func TestSummariesArePaged(t *testing.T) {
	s := newServer(t, nil)
	const traces = 1700 // more than are looked at in one step
	for i := range traces {
		s.post(fmt.Sprintf(`{"traceId":"%x","id":"1","name":"n%d","timestamp":%d,"duration":1}`,
			i+1, i%2, i+1))
	}
	for filter, want := range map[string]int{"": traces, "&spanName=n1": traces / 2} {
		seen := map[string]bool{}
		query, pages := "limit=300"+filter, 0
		for {
			page := s.summaries(query)
			for i, one := range page.Summaries {
				if seen[one.TraceID] {
					t.Fatalf("%q: %s is listed twice", query, one.TraceID)
				}
				seen[one.TraceID] = true
				if i > 0 && one.Seq >= page.Summaries[i-1].Seq {
					t.Fatalf("%q: have seq %d after %d", query, one.Seq, page.Summaries[i-1].Seq)
				}
			}
			pages++
			if !page.More {
				break
			}
			if len(page.Summaries) != 300 {
				t.Fatalf("%q: have %d summaries and more, want 300", query, len(page.Summaries))
			}
			query = fmt.Sprintf("limit=300%s&before=%d", filter, page.Summaries[299].Seq)
		}
		if len(seen) != want || pages != (want+299)/300 {
			t.Errorf("%q: have %d traces in %d pages, want %d", filter, len(seen), pages, want)
		}
	}
}

func TestRunningListsOpenSpansLongestFirst(t *testing.T) {
	s := newServer(t, nil)
	span := func(id, timestamp, more string) string {
		return `{"traceId":"d1","id":"` + id + `","name":"n` + id + `","timestamp":` + timestamp +
			`,"localEndpoint":{"serviceName":"s"}` + more + `}`
	}
	s.post(span("1", "300", ""), span("2", "100", ""), span("3", "200", ""), span("4", "50", ""))
	s.post(span("4", "50", `,"duration":9`)) // ended
	s.post(span("1", "300", `,"tags":{"late":"piece"}`))
	type open struct {
		TraceID, ID, Service, Name string
		Timestamp                  int64
	}
	var have []open
	s.get("/api/v2/running", &have)
	const trace, zeros = "00000000000000d1", "000000000000000"
	s.same("running", have, []open{
		{trace, zeros + "2", "s", "n2", 100}, {trace, zeros + "3", "s", "n3", 200},
		{trace, zeros + "1", "s", "n1", 300},
	})
	s.post(span("1", "300", `,"duration":1`), span("2", "100", `,"duration":1`),
		span("3", "200", `,"duration":1`))
	if _, text := s.do("GET", "/api/v2/running", ""); text != "[]" {
		t.Errorf("have %s after all ends, want []", text)
	}
}

func TestDurationsAreThoseOfOneName(t *testing.T) {
	s := newServer(t, nil)
	for i := 1; i <= 100; i++ {
		s.post(fmt.Sprintf(`{"traceId":"%x","id":"1","name":"Find","kind":"SERVER","duration":%d,
			"localEndpoint":{"serviceName":"Store"}}`, i, i*10))
	}
	s.post(`{"traceId":"e1","id":"1","name":"find","kind":"CLIENT","duration":5,
		"localEndpoint":{"serviceName":"store"}}`, `{"traceId":"e1","id":"2","name":"other",
		"duration":7,"localEndpoint":{"serviceName":"store"}}`, `{"traceId":"e1","id":"3",
		"name":"find","localEndpoint":{"serviceName":"store"}}`)
	type bucket struct {
		LE    int64 `json:"le"`
		Count int   `json:"count"`
	}
	type durations struct {
		Count                   int
		Min, P50, P90, P99, Max int64
		Histogram               []bucket
	}
	var have durations
	s.get("/api/v2/durations?service=store&name=find&kind=SERVER", &have)
	s.same("server", have, durations{100, 10, 500, 900, 990, 1000, []bucket{
		{10, 1}, {20, 1}, {50, 3}, {100, 5}, {200, 10}, {500, 30}, {1000, 50},
	}})
	s.get("/api/v2/durations?service=store&name=find", &have)
	s.same("any kind", [2]int64{int64(have.Count), have.Min}, [2]int64{101, 5})
	if _, text := s.do("GET", "/api/v2/durations?service=x&name=y", ""); text !=
		`{"count":0,"min":0,"p50":0,"p90":0,"p99":0,"max":0,"histogram":[]}` {
		t.Errorf("have %s for an unknown service", text)
	}
	for _, query := range []string{"name=x", "service=s&kind=x"} {
		resp, _ := s.do("GET", "/api/v2/durations?"+query, "")
		if resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: have %s, want 400", query, resp.Status)
		}
	}
}

// Beyond MaxBytes the traces that have not changed for longest are removed, whole, and counted.
func TestOldestTracesAreEvictedWhole(t *testing.T) {
	s := newServer(t, func(c *collector.Config) { c.MaxBytes = 1 << 20 })
	const traces = 2000
	s.post(`{"traceId":"ffff","id":"1","name":"kept","localEndpoint":{"serviceName":"gone"}}`)
	for i := range traces {
		s.post(fmt.Sprintf(`{"traceId":"%x","id":"1","duration":1,"tags":{"text":"%0300d"},
			"localEndpoint":{"serviceName":"s"}}`, i+1, i))
		s.post(fmt.Sprintf(`{"traceId":"%x","id":"2","parentId":"1","duration":1}`, i+1))
		if i == traces/2 {
			s.post(`{"traceId":"ffff","id":"2","name":"kept"}`) // not in time
		}
	}
	whole, first := 0, 0
	for i := range traces {
		var spans []any
		resp, text := s.do("GET", fmt.Sprintf("/api/v2/trace/%x", i+1), "")
		_ = json.Unmarshal([]byte(text), &spans)
		switch {
		case resp.StatusCode == http.StatusNotFound && whole == 0:
			first++
		case len(spans) == 2:
			whole++
		default:
			t.Fatalf("trace %d after %d whole ones: have %s", i, whole, text)
		}
	}
	if whole < 500 || whole > 1500 {
		t.Errorf("have %d traces of about 800 bytes in 1 MiB", whole)
	}
	var l losses
	s.get("/api/v2/losses", &l)
	gone := l.Collector.EvictedTraces
	if gone != int64(first)+2 || l.Collector.EvictedSpans != 2*gone-2 {
		t.Errorf("have %+v counted, want %d traces and the one that came twice", l.Collector, first)
	}
	if _, text := s.do("GET", "/api/v2/services", ""); text != `["s"]` {
		t.Errorf("have services %s, want none of evicted traces", text)
	}
}

// A trace that is in use stays, however old it is.
func TestTraceThatGrowsIsKept(t *testing.T) {
	s := newServer(t, func(c *collector.Config) { c.MaxBytes = 1 << 20 })
	for i := range 2000 {
		s.post(fmt.Sprintf(`{"traceId":"%x","id":"1","tags":{"text":"%0600d"}}`, i+1, i))
		if i%100 == 0 {
			s.post(fmt.Sprintf(`{"traceId":"ffff","id":"%x"}`, i+1))
		}
	}
	var spans []any
	s.get("/api/v2/trace/ffff", &spans)
	if len(spans) != 20 {
		t.Errorf("have %d spans, want 20", len(spans))
	}
}

// A trace that alone is larger than MaxBytes does not break the bound.
func TestTraceLargerThanMaxBytesIsEvicted(t *testing.T) {
	s := newServer(t, func(c *collector.Config) { c.MaxBytes = 1 << 20 })
	for i := range 20 {
		s.post(fmt.Sprintf(`{"traceId":"1","id":"%x","tags":{"text":"%0100000d"}}`, i+1, i))
	}
	var l losses
	s.get("/api/v2/losses", &l)
	if l.Collector.EvictedTraces != 1 || l.Collector.EvictedSpans == 0 {
		t.Errorf("have %+v, want the trace evicted once", l.Collector)
	}
}

// The estimate of MaxBytes is not below what spans take.
func TestMemoryStaysWithinMaxBytes(t *testing.T) {
	config := collector.DefaultConfig()
	config.MaxBytes = 32 << 20
	c, err := collector.New(config)
	if err != nil {
		t.Fatal(err)
	}
	heap := func() int64 {
		runtime.GC()
		runtime.GC() // empties pools
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	for i := range 300 {
		if code := post(c, "application/json", spanBody(i)); code != http.StatusAccepted {
			t.Fatalf("have status %d", code)
		}
	}
	used := heap() - before
	t.Logf("%d MiB in use for %d MiB", used>>20, config.MaxBytes>>20)
	if used > config.MaxBytes+4<<20 || used < config.MaxBytes/4 {
		t.Errorf("have %d bytes in use, want about %d", used, config.MaxBytes)
	}
	runtime.KeepAlive(c)
}

// Bodies are bounded, before and after decompression.
func TestBodiesAreBounded(t *testing.T) {
	s := newServer(t, func(c *collector.Config) { c.MaxBody, c.MaxUnfolded = 10_000, 100_000 })
	span := func(size int) string {
		return `[{"traceId":"1","id":"1","tags":{"t":"` + strings.Repeat("x", size) + `"}}]`
	}
	gzip := []string{"Content-Encoding", "gzip"}
	for name, test := range map[string]struct {
		body   string
		header []string
		want   int
	}{
		"small":                   {span(9000), nil, 202},
		"large":                   {span(10_000), nil, 413},
		"unfolds to a small one":  {zipped(span(90_000)), gzip, 202},
		"unfolds to a large one":  {zipped(span(100_000)), gzip, 413},
		"unfolds to a huge one":   {zipped(span(5 << 20)), gzip, 413},
		"large protobuf":          {span(20_000), []string{"Content-Type", protobufType}, 413},
		"unfolds, in OTLP's JSON": {zipped(`{"a":"` + span(99_990) + `"}`), gzip, 413},
	} {
		path := "/api/v2/spans"
		if strings.Contains(name, "OTLP") {
			path = "/v1/traces"
			test.header = append(slices.Clone(gzip), "Content-Type", "application/json")
		}
		resp, text := s.do("POST", path, test.body, test.header...)
		if resp.StatusCode != test.want {
			t.Errorf("%s: have %s %s, want %d", name, resp.Status, text, test.want)
		}
	}
	var l losses
	s.get("/api/v2/losses", &l)
	s.same("refused", l.Collector.Refused, []lost{{"too large", 5}})
}

// Only names that no foreign DNS server can change are answered, unless Hosts names more.
func TestHostIsChecked(t *testing.T) {
	s := newServer(t, func(c *collector.Config) { c.Hosts = []string{"Traces.example.com"} })
	for host, want := range map[string]int{
		"localhost": 200, "localhost:9411": 200, "LOCALHOST.": 200, "a.localhost:1": 200,
		"127.0.0.1": 200, "127.0.0.1:9411": 200, "[::1]:9411": 200, "10.0.0.1:9411": 200,
		"traces.example.com": 200, "traces.example.com:80": 200, "TRACES.EXAMPLE.COM": 200,
		"example.com": 421, "evil.example": 421, "127.0.0.1.evil.example": 421,
		"localhost.evil.example": 421, "traces.example.com.evil.example": 421, "xlocalhost": 421,
	} {
		for _, path := range []string{"/api/v2/services", "/zipkin/", "/api/v2/summaries"} {
			if resp, text := s.do("GET", path, "", "Host", host); resp.StatusCode != want {
				t.Errorf("%s of %s: have %s %s, want %d", path, host, resp.Status, text, want)
			}
		}
		resp, _ := s.do("POST", "/api/v2/spans", "[]", "Host", host)
		if (resp.StatusCode == http.StatusAccepted) != (want == 200) {
			t.Errorf("POST to %s: have %s", host, resp.Status)
		}
	}
	all := newServer(t, func(c *collector.Config) { c.Hosts = []string{"*"} })
	resp, _ := all.do("GET", "/api/v2/services", "", "Host", "any.example")
	if resp.StatusCode != http.StatusOK {
		t.Errorf("with -hosts *: have %s, want 200", resp.Status)
	}
}

// Only the collector's own page may forget traces.
func TestClearIsOfTheSameOrigin(t *testing.T) {
	s := newServer(t, nil)
	for name, test := range map[string]struct {
		header []string
		want   int
	}{
		"the page":              {[]string{"Sec-Fetch-Site", "same-origin", "Origin", s.URL}, 204},
		"an old browser":        {[]string{"Origin", s.URL}, 204},
		"curl":                  {nil, 204},
		"the address bar":       {[]string{"Sec-Fetch-Site", "none"}, 204},
		"another page":          {[]string{"Sec-Fetch-Site", "cross-site", "Origin", s.URL}, 403},
		"another port":          {[]string{"Sec-Fetch-Site", "same-site"}, 403},
		"another page, old":     {[]string{"Origin", "http://evil.example"}, 403},
		"a page without origin": {[]string{"Origin", "null"}, 403},
	} {
		s.post(call...)
		resp, _ := s.do("POST", "/api/v2/clear", "", test.header...)
		if resp.StatusCode != test.want {
			t.Errorf("%s: have %s, want %d", name, resp.Status, test.want)
		}
		if have, want := s.ids("") == "", test.want == 204; have != want {
			t.Errorf("%s: have traces forgotten %v, want %v", name, have, want)
		}
	}
	if resp, _ := s.do("GET", "/api/v2/clear", ""); resp.StatusCode != http.StatusNotFound {
		t.Errorf("GET: have %s, want 404", resp.Status)
	}
}

// A page of another origin reads Zipkin's API if it may, and never what is the collector's own.
func TestOnlyZipkinsAPIIsForOtherOrigins(t *testing.T) {
	const origin = "http://a.example"
	const other = "http://b.example"
	for allow, want := range map[string]string{"*": "*", origin: origin, "": "", other: ""} {
		s := newServer(t, func(c *collector.Config) { c.AllowOrigin = allow })
		for path, own := range map[string]bool{
			"/api/v2/traces": false, "/api/v2/trace/0": false, "/api/v2/summaries": true,
			"/api/v2/losses": true, "/zipkin/": true, "/api/v2/running": true,
		} {
			resp, _ := s.do("GET", path, "", "Origin", origin)
			expected := want
			if own {
				expected = ""
			}
			if have := resp.Header.Get("Access-Control-Allow-Origin"); have != expected {
				t.Errorf("-allow-origin %q: %s: have %q, want %q", allow, path, have, expected)
			}
		}
		resp, _ := s.do("OPTIONS", "/api/v2/clear", "", "Origin", origin,
			"Access-Control-Request-Method", "POST")
		if resp.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("-allow-origin %q: the preflight of clear is allowed", allow)
		}
	}
}

// Senders report what they have lost with each post. Totals only grow.
func TestSendersReportLosses(t *testing.T) {
	s := newServer(t, nil)
	report := func(values ...string) {
		t.Helper()
		for _, value := range values {
			resp, _ := s.do("POST", "/api/v2/spans", "[]", collector.LossesHeader, value)
			if resp.StatusCode != http.StatusAccepted {
				t.Errorf("%s: have %s, want 202", value, resp.Status)
			}
		}
	}
	report(
		"service=client;instance=b;since=1000;queue%20full=3;not%20flushed=1",
		"service=client;instance=b;since=1000;queue%20full=37",
		"service=client;instance=b;since=1000;queue full=5", // a late one
		"service=Caf%C3%A9;instance=a;since=7; full=1 ",
		"service=idle;instance=a;since=7",
	)
	for _, bad := range []string{
		"", "x", "service=bad;full=x", "service=bad;full=-1", "instance=bad;full=1",
		"service=bad;%zz=1", "service=bad;full=1;a=%z", "service=bad;=1",
		"service=bad;full=" + strings.Repeat("0", 5000) + "1",
	} {
		report(bad)
	}
	s.do("POST", "/api/v2/spans", "no list")
	s.do("POST", "/api/v2/spans", `[{"id":"1"}]`)
	var l losses
	s.get("/zipkin/api/v2/losses", &l)
	s.same("senders", l.Senders, []sender{
		{"Café", "a", 7, []lost{{"full", 1}}},
		{"client", "b", 1000, []lost{{"not flushed", 1}, {"queue full", 37}}},
	})
	s.same("refused", l.Collector.Refused, []lost{{"malformed", 2}})
}

// Reports of many senders and reasons take a bounded memory.
func TestLossReportsAreBounded(t *testing.T) {
	s := newServer(t, nil)
	for i := range 1100 {
		s.do("POST", "/api/v2/spans", "[]", collector.LossesHeader,
			fmt.Sprintf("service=s;instance=%d;since=1;full=1", i))
	}
	for i := range 100 {
		s.do("POST", "/api/v2/spans", "[]", collector.LossesHeader,
			fmt.Sprintf("service=many;since=1;reason%d=1", i))
	}
	var l losses
	s.get("/api/v2/losses", &l)
	if len(l.Senders) != 1000 {
		t.Errorf("have %d senders, want 1000", len(l.Senders))
	}
	if l.Senders[0].Service != "many" || len(l.Senders[0].Lost) != 32 {
		t.Errorf("have %d reasons of %s, want 32", len(l.Senders[0].Lost), l.Senders[0].Service)
	}
}

// The page's views and files have the headers that a strict page needs.
func TestPageIsServed(t *testing.T) {
	files := fstest.MapFS{
		"index.html": {Data: []byte("<!doctype html>page")},
		"a.js":       {Data: []byte("let a")}, "dir/b.css": {Data: []byte("b{}")},
	}
	s := newServer(t, func(c *collector.Config) { c.Page = files })
	const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
		"img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	for path, want := range map[string]string{
		"/zipkin/":                "200 text/html; charset=utf-8",
		"/zipkin/traces/0a1b":     "200 text/html; charset=utf-8",
		"/zipkin/dependency":      "200 text/html; charset=utf-8",
		"/zipkin/compare":         "200 text/html; charset=utf-8",
		"/zipkin/page/a.js":       "200 text/javascript; charset=utf-8",
		"/zipkin/page/dir/b.css":  "200 text/css; charset=utf-8",
		"/zipkin/page/c.js":       "404 text/plain; charset=utf-8",
		"/zipkin/page/../a.js":    "404 text/plain; charset=utf-8",
		"/zipkin/page/%2e%2e/a":   "404 text/plain; charset=utf-8",
		"/zipkin/page/":           "404 text/plain; charset=utf-8",
		"/zipkin/traces/":         "404 text/plain; charset=utf-8",
		"/zipkin/nothing/at/all":  "404 text/plain; charset=utf-8",
		"/zipkin/page/index.html": "200 text/html; charset=utf-8",
	} {
		resp, _ := s.do("GET", path, "")
		have := fmt.Sprint(resp.StatusCode, " ", resp.Header.Get("Content-Type"))
		if have != want {
			t.Errorf("%s: have %s, want %s", path, have, want)
		}
		if resp.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: has no nosniff", path)
		}
		if resp.StatusCode != http.StatusOK {
			continue
		}
		if have := resp.Header.Get("Content-Security-Policy"); have != policy {
			t.Errorf("%s: have policy %s", path, have)
		}
		tag := resp.Header.Get("ETag")
		again, body := s.do("GET", path, "", "If-None-Match", tag)
		if tag == "" || again.StatusCode != http.StatusNotModified || body != "" {
			t.Errorf("%s: have %s %q for tag %q, want 304", path, again.Status, body, tag)
		}
	}
	if _, err := collector.New(collector.Config{
		MaxBytes: 1 << 20, MaxBody: 1 << 10, MaxUnfolded: 1 << 10, Page: fstest.MapFS{},
	}); err == nil {
		t.Error("a page without index.html is accepted")
	}
}

// Each wrong setting is an error that names the flag.
func TestSettingsAreChecked(t *testing.T) {
	for want, change := range map[string]func(*collector.Config){
		"-max-bytes 1: must be 1048576 or more": func(c *collector.Config) { c.MaxBytes = 1 },
		"-max-body 1: must be 1024 or more":     func(c *collector.Config) { c.MaxBody = 1 },
		"-max-unfolded 2048: must be -max-body or more": func(c *collector.Config) {
			c.MaxUnfolded = 2048
		},
		`-hosts "a,b:1": must be host names without a port`: func(c *collector.Config) {
			c.Hosts = []string{"a", "b:1"}
		},
		`-allow-origin "a.example": must be * or scheme://host:port, or empty`: func(
			c *collector.Config,
		) {
			c.AllowOrigin = "a.example"
		},
		`-autocomplete-keys "a,": must be keys separated by commas`: func(c *collector.Config) {
			c.AutocompleteKeys = []string{"a", ""}
		},
	} {
		c := collector.DefaultConfig()
		change(&c)
		_, err := collector.New(c)
		if err == nil || err.Error() != want {
			t.Errorf("have %v, want %s", err, want)
		}
	}
}

// A program that has a collector links gRPC only if it imports otlpgrpc.
func TestCollectorLinksNoGRPC(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "bookservice/tracer/collector")
	cmd.Env = os.Environ()
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "google.golang.org/grpc") {
			t.Errorf("linked: %s", line)
		}
	}
	if !bytes.Contains(out, []byte("bookservice/tracer/collector/internal/store")) {
		t.Errorf("have %s, want the packages that are linked", out)
	}
}

// Flags have a prefix if one is asked for, in errors too, and never replace others.
func TestFlagsSetTheConfiguration(t *testing.T) {
	c := collector.DefaultConfig()
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	if err := c.RegisterFlags(fs, "spans-"); err != nil {
		t.Fatal(err)
	}
	err := fs.Parse(strings.Fields("-spans-max-bytes 2000000 -spans-max-body 2000 " +
		"-spans-max-unfolded 3000 -spans-hosts a,b -spans-allow-origin http://a " +
		"-spans-autocomplete-keys k,l"))
	if err != nil {
		t.Fatal(err)
	}
	want := collector.Config{
		MaxBytes: 2000000, MaxBody: 2000, MaxUnfolded: 3000, Hosts: []string{"a", "b"},
		AllowOrigin: "http://a", AutocompleteKeys: []string{"k", "l"},
	}
	if diff := cmp.Diff(want, c, cmpopts.IgnoreUnexported(c)); diff != "" {
		t.Errorf("-want +have\n%s", diff)
	}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	c.MaxUnfolded = 1
	const message = "-spans-max-unfolded 1: must be -spans-max-body or more"
	if err := c.Validate(); err == nil || err.Error() != message {
		t.Errorf("have %v, want %s", err, message)
	}
	var setting interface{ Setting() string }
	if err := c.Validate(); !errors.As(err, &setting) || setting.Setting() != "spans-max-unfolded" {
		t.Errorf("have %v, want an error about the setting", err)
	}
	if err := c.RegisterFlags(fs, "spans-"); err == nil {
		t.Error("flags are defined twice")
	}
	if have := fs.Lookup("spans-hosts").Value.String(); have != "a,b" {
		t.Errorf("have %q shown, want a,b", have)
	}
}
