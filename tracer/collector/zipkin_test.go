package collector_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"bookservice/tracer/collector"
	"bookservice/tracer/tracertest/zipkinserver"
)

// comparedHeaders are the headers that clients of Zipkin look at.
var comparedHeaders = []string{
	"Content-Type", "Cache-Control", "Content-Encoding", "Location", "Allow", "Vary",
	"Access-Control-Allow-Origin", "Access-Control-Allow-Methods",
}

// A request is sent to both servers.
type request struct {
	name   string // empty: method and path
	method string
	path   string
	body   string
	header []string // names and values
	status bool     // compare nothing but the status
}

func (r request) String() string {
	if r.name != "" {
		return r.name
	}
	return r.method + " " + r.path
}

// ask returns what a client sees of the answer.
func (r request) ask(t *testing.T, base string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.method, base+r.path, strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(r.header); i += 2 {
		req.Header.Set(r.header[i], r.header[i+1])
	}
	if req.Header.Get("Accept-Encoding") == "" {
		req.Header.Set("Accept-Encoding", "identity")
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	resp, err := client.Do(req)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	var from io.Reader = resp.Body
	if resp.Header.Get("Content-Encoding") == "gzip" {
		if from, err = gzip.NewReader(resp.Body); err != nil {
			t.Fatal(err)
		}
	}
	body, err := io.ReadAll(from)
	if err != nil {
		t.Fatalf("%v: %v", r, err)
	}
	if r.status {
		return resp.Status
	}
	text := resp.Status + "\n"
	for _, name := range comparedHeaders {
		if v := resp.Header.Get(name); v != "" {
			text += name + ": " + v + "\n"
		}
	}
	return text + "\n" + string(body)
}

// differences returns the requests of testdata/differences.txt, to which the collector answers
// otherwise on purpose.
func differences(t *testing.T) map[string]bool {
	t.Helper()
	file, err := os.ReadFile("testdata/differences.txt")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for line := range strings.Lines(string(file)) {
		if strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "" {
			continue
		}
		name, reason, ok := strings.Cut(strings.TrimSpace(line), " | ")
		if !ok || reason == "" {
			t.Errorf("%q: must be a request, \" | \" and a reason", line)
		}
		names[name] = true
	}
	return names
}

// A pair is a real Zipkin and a collector.
type pair struct {
	zipkin, ours string
	differ       bool // a trace has remained different
}

func newPair(t *testing.T) *pair {
	t.Helper()
	zipkin := zipkinserver.Start(t, "AUTOCOMPLETE_KEYS=env,region")
	config := collector.DefaultConfig()
	config.AutocompleteKeys = []string{"env", "region"}
	c, err := collector.New(config)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	t.Cleanup(func() { c.Close() })
	return &pair{zipkin: zipkin.URL, ours: server.URL}
}

var traceIDs = regexp.MustCompile(`"traceId":"([0-9a-f]+)"`)

// stored waits until the real Zipkin, which stores spans after it has answered, has the spans of
// the posted list, so that both servers have all spans in the same order. After ten seconds it
// gives up, and does not wait again: then the servers differ.
func (p *pair) stored(t *testing.T, list string) {
	t.Helper()
	if p.differ {
		return
	}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for _, id := range traceIDs.FindAllStringSubmatch(list, -1) {
		r := request{method: "GET", path: "/api/v2/trace/" + id[1]}
		deadline := time.Now().Add(10 * time.Second)
		for r.ask(t, p.zipkin) != r.ask(t, p.ours) && !p.differ {
			p.differ = time.Now().After(deadline)
			<-tick.C
		}
	}
}

// The collector answers as the real Zipkin does: status, headers and body. The requests that
// testdata/differences.txt lists must differ, and no others.
func TestAnswersAreThoseOfZipkin(t *testing.T) {
	p := newPair(t)
	listed := differences(t)
	compare := func(all []request) {
		for _, r := range all {
			zipkin, ours := r.ask(t, p.zipkin), r.ask(t, p.ours)
			name := r.String()
			switch {
			case zipkin == ours && listed[name]:
				t.Errorf("%s: the answers are the same, but listed as different:\n%s", name, ours)
			case zipkin != ours && !listed[name]:
				t.Errorf("%s: have\n%s\nwant\n%s", name, near(ours, zipkin), near(zipkin, ours))
			}
			if r.method == http.MethodPost && !listed[name] {
				p.stored(t, r.body)
			}
			delete(listed, name)
		}
	}
	now := time.Now().Add(-5 * time.Second).UnixMicro()
	compare(writeRequests(now))
	compare(readRequests(now/1000 + 5000))
	compare(otherRequests())
	for name := range listed {
		t.Errorf("%s: listed as different, but no request has this name", name)
	}
}

// near returns the part of the text where it begins to differ from the other one.
func near(text, other string) string {
	at := 0
	for at < len(text) && at < len(other) && text[at] == other[at] {
		at++
	}
	return fmt.Sprintf("%.400s", text[max(0, at-200):])
}

func zipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return b.String()
}

// writeRequests are posts. now is in microseconds.
func writeRequests(now int64) []request {
	var all []request
	add := func(name, body string, header ...string) {
		if len(header) == 0 {
			header = []string{"Content-Type", "application/json"}
		}
		all = append(all, request{
			name: "POST " + name, method: "POST", path: "/api/v2/spans", body: body, header: header,
		})
	}
	// span returns a list of one span with the fields, in which NOW is the time.
	span := func(fields string) string {
		return strings.ReplaceAll("[{"+fields+"}]", "NOW", fmt.Sprint(now))
	}
	tree := span(`"traceId":"1234567890abcdef1234567890abcdef","id":"aaaaaaaaaaaaaaaa",
		"timestamp":NOW,"duration":1000,"name":"GET /","kind":"SERVER",
		"localEndpoint":{"serviceName":"Front","ipv4":"10.0.0.1","port":80},
		"tags":{"b":"2","a":"1","env":"prod"}},
		{"traceId":"1234567890abcdef1234567890abcdef","id":"bbbbbbbbbbbbbbbb",
		"parentId":"aaaaaaaaaaaaaaaa","timestamp":NOW,"duration":1000,"name":"call",
		"kind":"CLIENT","localEndpoint":{"serviceName":"Front","ipv4":"10.0.0.1","port":80},
		"remoteEndpoint":{"serviceName":"back","ipv4":"10.0.0.2","port":0},"tags":{"error":""},
		"annotations":[{"timestamp":NOW,"value":"z"},{"timestamp":5,"value":"y"},
		{"timestamp":NOW,"value":"z"},{"timestamp":NOW,"value":"a"}]},
		{"traceId":"1234567890abcdef1234567890abcdef","id":"bbbbbbbbbbbbbbbb",
		"parentId":"aaaaaaaaaaaaaaaa","timestamp":NOW,"duration":900,"name":"call",
		"kind":"SERVER","shared":true,"localEndpoint":{"serviceName":"back","ipv4":"10.0.0.2"}`)
	add("tree", tree)
	add("the tree again", tree)
	add("empty list", "[]")
	add("blank list", "[ ]")
	add("nothing", "")
	add("an object", `{"traceId":"1"}`)
	add("no JSON", "hello")
	add("a blank first", ` [{"traceId":"1","id":"1"}]`)
	add("a newline first", "\n"+`[{"traceId":"c1","id":"1"}]`)
	add("text after the list", `[{"traceId":"c2","id":"1"}] x`)
	add("cut off after a field", `[{"traceId":"1","id":"2"`)
	add("cut off after the bracket", `[`)
	add("cut off after the brace", `[{`)
	add("cut off after a name", `[{"traceId"`)
	add("cut off within a text", `[{"traceId":"1`)
	add("cut off on line 2", "[\n {\"traceId\":\"1\",\n")
	add("comma without a field", `[{"traceId":"1",}]`)
	add("comma without a span", `[{"traceId":"c3","id":"1"},]`)
	add("no colon", `[{"traceId" "1"}]`)
	add("a list of numbers", `[1]`)
	add("a list of lists", `[[]]`)
	add("a list of null", `[null]`)
	add("quotes of the wrong kind", `[{'traceId':'1'}]`)
	add("a comment", `[/* */{"traceId":"1","id":"1"}]`)
	add("no type", `[{"traceId":"1","id":"2","localEndpoint":{"serviceName":"x"}}]`,
		"Content-Type", "")
	add("text", `[{"traceId":"1","id":"3","localEndpoint":{"serviceName":"x"}}]`,
		"Content-Type", "text/plain")
	add("an unknown type", "[]", "Content-Type", "application/xml")
	add("a type with a charset", span(`"traceId":"c4","id":"1","timestamp":NOW`),
		"Content-Type", "application/json; charset=utf-8")
	add("gzip", zipped(span(`"traceId":"2222222222222222","id":"2","timestamp":NOW,"duration":7,
		"localEndpoint":{"serviceName":"front","ipv4":"10.0.0.1"}`)), "Content-Encoding", "gzip")
	add("no gzip", "notgzip", "Content-Encoding", "gzip")
	cut := zipped(`[{"traceId":"1","id":"2"},`)
	add("gzip that is cut off", cut[:len(cut)-9], "Content-Encoding", "gzip")
	add("an unknown encoding", `[{"traceId":"c5","id":"1"}]`, "Content-Encoding", "br")
	add("v1 spans", `[{"traceId":"1","id":"1","binaryAnnotations":[]}]`)
	const proto = "application/x-protobuf"
	add("JSON as protobuf", tree, "Content-Type", proto)
	add("an object as protobuf", `{}`, "Content-Type", proto)
	add("garbage as protobuf", "\x0a\x05abcde", "Content-Type", proto)
	add("protobuf", protoSpan("c6", "\x0a\x08abcdefgh\x1a\x08abcdefgh"), "Content-Type", proto)
	add("protobuf without ids", protoSpan("", "\x2a\x01x"), "Content-Type", proto)
	add("protobuf with a short id", protoSpan("", "\x0a\x01a\x1a\x01b"), "Content-Type", proto)
	add("protobuf with a long id", protoSpan("", "\x0a\x11aaaaaaaaaaaaaaaaa\x1a\x01b"),
		"Content-Type", proto)
	add("protobuf with an unknown kind", protoSpan("", "\x0a\x01d\x1a\x01b\x20\x09"),
		"Content-Type", proto)
	for _, s := range fieldCases {
		add(s[0], span(s[1]))
	}
	for _, body := range []string{tree, "[]", "", "hello", "[{}]"} {
		all = append(all, request{
			name: fmt.Sprintf("POST v1 %.5q", body), method: "POST", path: "/api/v1/spans",
			body: body, header: []string{"Content-Type", "application/json"},
		})
	}
	return append(all, request{
		name: "POST thrift", method: "POST", path: "/api/v1/spans", body: "hello",
		header: []string{"Content-Type", "application/x-thrift"},
	})
}

// protoSpan returns a list with one span of these fields.
func protoSpan(_, fields string) string {
	return "\x0a" + string(rune(len(fields))) + fields
}

// fieldCases are the fields of a span each.
var fieldCases = [][2]string{
	{"no id", `"traceId":"1"`},
	{"no trace id", `"id":"1"`},
	{"no ids", `"name":"1"`},
	{"null id", `"traceId":"1","id":null`},
	{"null trace id", `"traceId":null,"id":"1"`},
	{"id of 16 zeros", `"traceId":"51","id":"0000000000000000"`},
	{"id of one zero", `"traceId":"51","id":"0"`},
	{"trace id of zeros", `"traceId":"0000000000000000","id":"1"`},
	{"trace id of one zero", `"traceId":"0","id":"1"`},
	{"parent of zeros", `"traceId":"52","id":"1","parentId":"0","timestamp":NOW`},
	{"empty id", `"traceId":"1","id":""`},
	{"empty trace id", `"traceId":"","id":"1"`},
	{"empty parent", `"traceId":"1","id":"1","parentId":""`},
	{"long id", `"traceId":"1","id":"11111111111111111"`},
	{"long trace id", `"traceId":"111111111111111111111111111111111","id":"1"`},
	{"long parent", `"traceId":"1","id":"1","parentId":"11111111111111111"`},
	{"upper case trace id", `"traceId":"ABCDEF","id":"1"`},
	{"upper case id", `"traceId":"1","id":"ABCDEF"`},
	{"trace id of 17", `"traceId":"11111111111111117","id":"1","timestamp":NOW`},
	{"high half of zeros", `"traceId":"00000000000000001111111111111118","id":"1","timestamp":NOW`},
	{"number as id", `"traceId":53,"id":54,"timestamp":NOW`},
	{"own parent", `"traceId":"6666666666666666","id":"6666666666666666",
		"parentId":"6666666666666666","name":"self","timestamp":NOW`},
	{"unknown kind", `"traceId":"1","id":"1","kind":"INTERNAL"`},
	{"lower case kind", `"traceId":"1","id":"1","kind":"client"`},
	{"empty kind", `"traceId":"1","id":"1","kind":""`},
	{"shared client", `"traceId":"55","id":"1","kind":"CLIENT","shared":true,"timestamp":NOW`},
	{"shared and debug", `"traceId":"56","id":"1","shared":true,"debug":true,"timestamp":NOW`},
	{"false flags", `"traceId":"57","id":"1","shared":false,"debug":false,"timestamp":NOW`},
	{"text as flag", `"traceId":"57","id":"1","shared":"true"`},
	{"negative duration", `"traceId":"7777777777777777","id":"7","name":"neg","timestamp":NOW,
		"duration":-5`},
	{"fraction", `"traceId":"58","id":"1","timestamp":1.5`},
	{"whole fraction", `"traceId":"58","id":"1","timestamp":NOW.0`},
	{"exponent", `"traceId":"58","id":"8","timestamp":1e15,"duration":1000`},
	{"large number", `"traceId":"58","id":"1","timestamp":9223372036854775808`},
	{"too large number", `"traceId":"58","id":"1","timestamp":1e30`},
	{"number with a zero first", `"traceId":"58","id":"1","timestamp":01`},
	{"number as text", `"traceId":"58","id":"9","timestamp":"NOW"`},
	{"fraction as text", `"traceId":"58","id":"9","timestamp":"1.5"`},
	{"word as number", `"traceId":"58","id":"9","timestamp":"soon"`},
	{"empty text as number", `"traceId":"58","id":"9","timestamp":""`},
	{"flag as number", `"traceId":"58","id":"9","timestamp":true`},
	{"object as number", `"traceId":"58","id":"9","timestamp":{}`},
	{"not a number", `"traceId":"58","id":"9","timestamp":"NaN"`},
	{"unknown field", `"traceId":"59","id":"a","extra":{"x":[1,null,{"y":"z"}]},"timestamp":NOW`},
	{"deep unknown field", `"traceId":"59","id":"b","extra":` + strings.Repeat("[", 200) +
		strings.Repeat("]", 200) + `,"timestamp":NOW`},
	{"too deep unknown field", `"traceId":"59","id":"c","extra":` + strings.Repeat("[", 300) +
		strings.Repeat("]", 300)},
	{"null fields", `"traceId":"59","id":"d","name":null,"tags":null,"kind":null,
		"localEndpoint":null,"annotations":null,"timestamp":NOW`},
	{"upper case null", `"traceId":"59","id":"e","name":NULL,"debug":TRUE,"timestamp":NOW`},
	{"number as name", `"traceId":"59","id":"f","name":1.50,"timestamp":NOW`},
	{"empty name", `"traceId":"59","id":"10","name":"","timestamp":NOW`},
	{"name in another script", `"traceId":"59","id":"11","name":"ÄÖ İ ΑΣ Σ ΑΣΑ","timestamp":NOW`},
	{"number as tag", `"traceId":"5a","id":"1","tags":{"n":1,"m":-0,"l":1.0,"k":1e2},
		"timestamp":NOW`},
	{"flag as tag", `"traceId":"5a","id":"1","tags":{"n":true}`},
	{"null as tag", `"traceId":"5a","id":"1","tags":{"n":null}`},
	{"object as tag", `"traceId":"5a","id":"1","tags":{"n":{}}`},
	{"list as tag", `"traceId":"5a","id":"1","tags":{"n":[]}`},
	{"list of tags", `"traceId":"5a","id":"1","tags":[]`},
	{"empty tag", `"traceId":"5a","id":"2","tags":{"":"","a":""},"timestamp":NOW`},
	{"a key twice", `"traceId":"5a","id":"3","tags":{"b":"1","a":"2","b":"3"},"timestamp":NOW`},
	{"escapes", `"traceId":"5a","id":"4","tags":{"e":"\u00e4\n\t\b\f\r\"\\\/\u0001😀\ud83d\ude00"},
		"timestamp":NOW`},
	{"half a pair", `"traceId":"5a","id":"5","tags":{"e":"\ud83d x"},"timestamp":NOW`},
	{"unknown escape", `"traceId":"5a","id":"1","tags":{"e":"\x"}`},
	{"keys by code units", `"traceId":"5a","id":"6","tags":{"😀":"1","\uff00":"2","a":"3"},
		"timestamp":NOW`},
	{"annotation without value", `"traceId":"5b","id":"1","annotations":[{"timestamp":1}]`},
	{"annotation without time", `"traceId":"5b","id":"1","annotations":[{"value":"x"}]`},
	{"empty annotation", `"traceId":"5b","id":"1","annotations":[{}]`},
	{"annotations that are an object", `"traceId":"5b","id":"1","annotations":{"a":1}`},
	{"annotations that are a number", `"traceId":"5b","id":"1","annotations":1`},
	{"annotation with null", `"traceId":"5b","id":"1",
		"annotations":[{"timestamp":1,"value":null}]`},
	{"annotation with more", `"traceId":"5b","id":"2","annotations":[{"timestamp":-1,"value":"x",
		"endpoint":{}}],"timestamp":NOW`},
	{"port 65536", `"traceId":"5c","id":"1","localEndpoint":{"port":65536}`},
	{"port 65535", `"traceId":"5c","id":"2","localEndpoint":{"port":65535},"timestamp":NOW`},
	{"negative port", `"traceId":"5c","id":"3","localEndpoint":{"port":-1},"timestamp":NOW`},
	{"huge port", `"traceId":"5c","id":"1","localEndpoint":{"port":5000000000}`},
	{"port as text", `"traceId":"5c","id":"4","localEndpoint":{"port":"80"},"timestamp":NOW`},
	{"empty endpoint", `"traceId":"5c","id":"5","localEndpoint":{},"timestamp":NOW`},
	{"bad address", `"traceId":"5c","id":"6",
		"localEndpoint":{"serviceName":"x","ipv4":"999.1.1.1"}`},
	{"address with zeros", `"traceId":"5c","id":"7","localEndpoint":{"ipv4":"010.0.0.1"},
		"timestamp":NOW`},
	{"IPv4 as IPv6", `"traceId":"5c","id":"8","localEndpoint":{"ipv6":"10.0.0.9"},"timestamp":NOW`},
	{"mapped", `"traceId":"5c","id":"9","localEndpoint":{"ipv6":"::ffff:10.1.1.1"},
		"timestamp":NOW`},
	{"compatible", `"traceId":"5c","id":"a","localEndpoint":{"ipv6":"::10.1.1.1"},"timestamp":NOW`},
	{"mapped in hexadecimal", `"traceId":"5c","id":"b","localEndpoint":{"ipv6":"::ffff:a01:101"},
		"timestamp":NOW`},
	{"IPv6", `"traceId":"5c","id":"c","localEndpoint":{"ipv6":"2001:DB8:0:0:1:0:0:1"},
		"timestamp":NOW`},
	{"IPv6 with zeros", `"traceId":"5c","id":"d","localEndpoint":{"ipv6":"2001:0db8:0:1:0:0:0:0"},
		"timestamp":NOW`},
	{"IPv6 of one", `"traceId":"5c","id":"e","localEndpoint":{"ipv6":"::1"},"timestamp":NOW`},
	{"IPv6 of none", `"traceId":"5c","id":"f","localEndpoint":{"ipv6":"::"},"timestamp":NOW`},
	{"IPv6 with a zone", `"traceId":"5c","id":"10","localEndpoint":{"ipv6":"fe80::1%eth0"},
		"timestamp":NOW`},
	{"name as address", `"traceId":"5c","id":"11","localEndpoint":{"ipv4":"host"},"timestamp":NOW`},
	{"both addresses", `"traceId":"5c","id":"12","localEndpoint":{"ipv4":"1.2.3.4","ipv6":"::2"},
		"timestamp":NOW`},
	{"a fourth service", `"traceId":"5d","id":"1","localEndpoint":{"serviceName":"fourth"},
		"remoteEndpoint":{"serviceName":"Fifth"},"name":"N","timestamp":NOW`},
}

// readRequests are questions about the spans of writeRequests. now is in milliseconds.
func readRequests(now int64) []request {
	var all []request
	for path := range strings.FieldsSeq(strings.ReplaceAll(`
		/services /spans?serviceName=FRONT /spans?serviceName=none /spans /spans?serviceName=
		/spans?serviceName=front&serviceName=back
		/remoteServices?serviceName=front /remoteServices /remoteServices?serviceName=
		/autocompleteKeys /autocompleteValues?key=env /autocompleteValues?key=nope
		/autocompleteValues?key= /autocompleteValues
		/trace/1234567890abcdef1234567890abcdef /trace/1234567890abcdef /trace/2222222222222222
		/trace/%201234567890abcdef1234567890abcdef /trace/ABC /trace/0 /trace/7 /trace/%20
		/trace/fffffffffffffffffffffffffffffffff /trace/6666666666666666 /trace/52 /trace/53
		/trace/55 /trace/56 /trace/57 /trace/58 /trace/59 /trace/5a /trace/5b /trace/5c /trace/5d
		/trace/6162636465666768 /trace/61 /trace/64 /trace/c1 /trace/c2 /trace/c3 /trace/c5
		/trace/00000000000000001111111111111118 /trace/1/2 /trace/ /trace /trace/1?x=y /trace/1%2f2
		/traceMany /traceMany?traceIds= /traceMany?traceIds=1 /traceMany?traceIds=1,01
		/traceMany?traceIds=2222222222222222,1234567890abcdef1234567890abcdef
		/traceMany?traceIds=1234567890abcdef1234567890abcdef,2222222222222222
		/traceMany?traceIds=8,9 /traceMany?traceIds=1, /traceMany?traceIds=,1
		/traceMany?traceIds=%2057,58%20 /traceMany?traceIds=x,1 /traceMany?traceIds=0,1
		/traces?serviceName=front&endTs=NOW /traces?limit=0 /traces?limit=x /traces?limit=-1
		/traces?limit= /traces?endTs= /traces?limit=99999999999 /traces?endTs=x
		/traces?minDuration=0 /traces?maxDuration=5 /traces?minDuration=5&maxDuration=4
		/traces?minDuration=x /traces?minDuration= /traces?endTs=0 /traces?lookback=0
		/traces?endTs=-1 /traces?limit=0&endTs=0 /traces?lookback=0&limit=0 /traces?lookback=1
		/traces?minDuration=0&limit=0 /traces?lookback=x&limit=y /traces
		/traces?limit=1000 /traces?limit=1000&minDuration=1000 /traces?limit=1000&minDuration=1001
		/traces?limit=1000&minDuration=1&maxDuration=7
		/traces?limit=1000&minDuration=901&serviceName=back
		/traces?limit=1000&serviceName=BACK /traces?serviceName=nope /traces?serviceName=
		/traces?annotationQuery=error&limit=1 /traces?annotationQuery=env%3Dprod%20and%20z&limit=1
		/traces?annotationQuery=env%3Dtest /traces?annotationQuery=z /traces?annotationQuery=
		/traces?annotationQuery=env%3Dtest%20and%20env%3Dprod
		/traces?annotationQuery=env%20and%20env%3Dx
		/traces?annotationQuery=env%3D /traces?annotationQuery=%3Dx
		/traces?annotationQuery=%20error%20
		/traces?annotationQuery=error&serviceName=back /traces?annotationQuery=error%20and%20
		/traces?spanName=all&limit=1000 /traces?spanName=CALL
		/traces?spanName=nope /traces?spanName=
		/traces?remoteServiceName=BACK&limit=1 /traces?remoteServiceName=nope
		/traces?remoteServiceName=back&serviceName=back
		/dependencies /dependencies?endTs=0 /dependencies?endTs=NOW /dependencies?endTs=x
		/dependencies?endTs= /dependencies?endTs=NOW&lookback=0
		/dependencies?endTs=NOW&lookback=60000
		/dependencies?endTs=NOW&lookback=x /dependencies?endTs=NOW&lookback=
		/dependencies?endTs=1000`,
		"NOW", fmt.Sprint(now))) {
		name := strings.ReplaceAll("GET "+path, fmt.Sprint(now), "NOW")
		all = append(all, request{name: name, method: "GET", path: "/api/v2" + path})
	}
	return append(all,
		request{method: "GET", path: "/zipkin/api/v2/services"},
		request{method: "GET", path: "/zipkin/api/v2/trace/5a"},
		request{name: "GET with gzip", method: "GET", path: "/api/v2/traces?limit=100",
			header: []string{"Accept-Encoding", "gzip"}},
		request{name: "GET a short answer with gzip", method: "GET", path: "/api/v2/services",
			header: []string{"Accept-Encoding", "gzip"}},
	)
}

// otherRequests are about methods, other origins and the pages.
func otherRequests() []request {
	var all []request
	for _, method := range []string{"OPTIONS", "HEAD", "PUT", "DELETE", "PATCH", "TRACE"} {
		for _, path := range []string{"/api/v2/spans", "/api/v2/services", "/nothing"} {
			all = append(all, request{method: method, path: path})
		}
	}
	origin := []string{"Origin", "http://a.example"}
	all = append(all,
		request{name: "preflight", method: "OPTIONS", path: "/api/v2/spans", header: append(origin,
			"Access-Control-Request-Method", "POST",
			"Access-Control-Request-Headers", "content-type")},
		request{name: "GET of another origin", method: "GET", path: "/api/v2/services",
			header: origin},
		request{name: "POST of another origin", method: "POST", path: "/api/v2/spans",
			body: "[]", header: origin},
		request{name: "error for another origin", method: "GET", path: "/api/v2/trace/0",
			header: origin},
	)
	for path := range strings.FieldsSeq(`/api/v2/nothing /api/v1/spans /api/v2/services/ /api/v2/
		//api/v2/services / /zipkin /zipkin/nothing /favicon.ico /config.json /zipkin/config.json
		/health /info /actuator/health /actuator/info /zipkin/health
		/metrics/ /zipkin/traces/1/2`) {
		all = append(all, request{method: "GET", path: path})
	}
	for path := range strings.FieldsSeq(`/zipkin/ /zipkin/index.html /zipkin/traces/1
		/zipkin/dependency /zipkin/traceViewer /metrics /prometheus /actuator`) {
		all = append(all, request{
			name: "status of " + path, method: "GET", path: path, status: true,
		})
	}
	return append(all,
		request{name: "POST /api/v2/services", method: "POST", path: "/api/v2/services"},
		request{name: "status of HEAD /zipkin/", method: "HEAD", path: "/zipkin/", status: true},
	)
}
