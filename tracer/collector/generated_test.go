package collector_test

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"bookservice/tracer/collector/internal/zipkinv2"
)

// A generator makes lists of spans, most of them valid.
type generator struct {
	*rand.Rand

	now int64 // microseconds
}

func (g *generator) pick(from ...string) string { return from[g.IntN(len(from))] }

// chance reports true in one of n cases.
func (g *generator) chance(n int) bool { return g.IntN(n) == 0 }

func (g *generator) text() string {
	return g.pick("a", "b", "GET /", "Größe", "x y", "😀", `\"`, `\u00e4\n`, "all", "", "error",
		strings.Repeat("long", 40))
}

func (g *generator) number() string {
	return g.pick("0", "1", "7", "1000", "-3", "\"12\"", "1e3", "5.0", "null", "999999")
}

// trace returns the id of one of a few traces, some of which have the same low half.
func (g *generator) trace() string {
	low := fmt.Sprintf("%016x", 0xa00+g.IntN(12))
	if g.chance(3) {
		return fmt.Sprintf("%016x", 1+g.IntN(2)) + low
	}
	return low
}

func (g *generator) id() string { return fmt.Sprintf("%x", 1+g.IntN(12)) }

func (g *generator) endpoint() string {
	var fields []string
	if !g.chance(5) {
		name := g.pick("Front", "back", "db", "queue", "x", "")
		fields = append(fields, `"serviceName":"`+name+`"`)
	}
	if g.chance(2) {
		fields = append(fields, `"ipv4":"`+g.pick("10.0.0.1", "10.0.0.2", "bad")+`"`)
	}
	if g.chance(4) {
		fields = append(fields, `"ipv6":"`+g.pick("::1", "2001:db8::c001", "::ffff:1.2.3.4")+`"`)
	}
	if g.chance(3) {
		fields = append(fields, `"port":`+g.pick("0", "80", "443", "null"))
	}
	return "{" + strings.Join(fields, ",") + "}"
}

func (g *generator) span() string {
	fields := []string{`"traceId":"` + g.trace() + `"`, `"id":"` + g.id() + `"`}
	add := func(chance int, field func() string) {
		if !g.chance(chance) {
			fields = append(fields, field())
		}
	}
	add(4, func() string { return `"parentId":"` + g.pick("0", g.id(), g.id(), g.id()) + `"` })
	add(4, func() string {
		return `"kind":` + g.pick(`"CLIENT"`, `"SERVER"`, `"PRODUCER"`, `"CONSUMER"`, "null")
	})
	add(4, func() string { return `"name":"` + g.text() + `"` })
	add(9, func() string { return fmt.Sprintf(`"timestamp":%d`, g.now+int64(g.IntN(9000))) })
	add(4, func() string { return `"duration":` + g.number() })
	add(6, func() string { return `"localEndpoint":` + g.endpoint() })
	add(2, func() string { return `"remoteEndpoint":` + g.endpoint() })
	add(2, func() string {
		return fmt.Sprintf(`"annotations":[{"timestamp":%d,"value":"%s"},`+
			`{"value":"%s","timestamp":%d}]`,
			g.now, g.text(), g.text(), g.now+int64(g.IntN(3)))
	})
	add(2, func() string {
		return fmt.Sprintf(`"tags":{"%s":"%s","%s":%s}`, g.pick("error", "env", "region", "😀", "z"),
			g.text(), g.pick("a", "env", "\uffee"), g.pick(`"prod"`, "1", "2.50", `"`+g.text()+`"`))
	})
	add(3, func() string { return `"shared":` + g.pick("true", "false", "null") })
	add(9, func() string { return `"debug":` + g.pick("true", "false") })
	g.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	return "{" + strings.Join(fields, g.pick(",", ", ", ",\n\t")) + "}"
}

func (g *generator) list() string {
	spans := make([]string, 1+g.IntN(6))
	for i := range spans {
		spans[i] = g.span()
	}
	return "[" + strings.Join(spans, ",") + "]"
}

// damage changes one byte of a list of ASCII characters.
func (g *generator) damage(list string) string {
	at := g.IntN(len(list))
	switch g.IntN(4) {
	case 0:
		return list[:at]
	case 1:
		return list[:at] + list[at+1:]
	case 2:
		return list[:at] + g.pick(
			`"`, "{", "}", "[", "]", ",", ":", "0", "-", "n", "\\", "\n", "e") + list[at+1:]
	}
	return list[:at] + g.pick(`"`, "{", "}", "[", "]", ",", ":", "0", "-", "null", "\\", " ", "#") +
		list[at:]
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > 0x7e })
}

// The collector answers as the real Zipkin does on spans that a generator makes, valid and damaged
// ones, and on all questions about them.
func TestGeneratedSpansAreAnsweredAsZipkinDoes(t *testing.T) {
	p := newPair(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	g := &generator{rand.New(rand.NewPCG(seed, 0)), time.Now().Add(-time.Second).UnixMicro()}
	failed := 0
	compare := func(r request) {
		zipkin, ours := r.ask(t, p.zipkin), r.ask(t, p.ours)
		if zipkin == ours {
			return
		}
		if failed++; failed <= 10 {
			t.Errorf("%v %.600s: have\n%s\nwant\n%s",
				r, r.body, near(ours, zipkin), near(zipkin, ours))
		}
	}
	for range 300 {
		list := g.list()
		if g.chance(3) && isASCII(list) {
			list = g.damage(list)
		}
		if failed > 10 {
			t.FailNow()
		}
		compare(request{
			method: "POST", path: "/api/v2/spans", body: list,
			header: []string{"Content-Type", "application/json"},
		})
		p.stored(t, list)
	}
	for range 100 { // the same in protobuf
		list := g.list()
		spans, err := zipkinv2.NewDecoder().ReadJSON([]byte(list))
		if err != nil {
			t.Fatal(err)
		}
		compare(request{
			method: "POST", path: "/api/v2/spans", body: string(protoList(spans)),
			header: []string{"Content-Type", "application/x-protobuf"},
		})
		p.stored(t, list)
	}
	for _, path := range g.questions() {
		compare(request{method: "GET", path: "/api/v2" + path})
	}
	if failed > 10 {
		t.Errorf("%d answers differ", failed)
	}
}

// questions are about the spans of the generator.
func (g *generator) questions() []string {
	paths := []string{"/services", "/traces?limit=1000"}
	for _, service := range []string{"front", "back", "db", "queue", "x"} {
		paths = append(paths, "/spans?serviceName="+service, "/remoteServices?serviceName="+service)
	}
	for _, key := range []string{"env", "region"} {
		paths = append(paths, "/autocompleteValues?key="+key)
	}
	for low := 0xa00; low < 0xa0c; low++ {
		for _, high := range []string{"", "0000000000000001", "0000000000000002"} {
			paths = append(paths, fmt.Sprintf("/trace/%s%016x", high, low))
		}
		paths = append(paths, fmt.Sprintf("/traceMany?traceIds=%x,1%016x", low, low))
	}
	end := g.now/1000 + 20
	for range 150 {
		paths = append(paths, fmt.Sprintf("/dependencies?endTs=%d&lookback=%d",
			end-int64(g.IntN(25)), 1+g.IntN(20)))
		path := fmt.Sprintf("/traces?endTs=%d&lookback=%d&limit=%d",
			end-int64(g.IntN(25)), 1+g.IntN(30), 1+g.IntN(20))
		for name, value := range map[string]string{
			"serviceName":       g.pick("front", "BACK", "db", "nope"),
			"remoteServiceName": g.pick("front", "back", "db"),
			"spanName":          g.pick("a", "get+%2F", "all", "nope"),
			"annotationQuery": g.pick("error", "env", "env%3Dprod", "a+and+error", "x+y",
				"z%3Da+and+env"),
			"minDuration": g.pick("1", "7", "1000", "5000"),
		} {
			if g.chance(4) {
				path += "&" + name + "=" + value
			}
		}
		paths = append(paths, path)
	}
	return append(paths, fmt.Sprintf("/dependencies?endTs=%d", end))
}

// protoList encodes a list of spans in Zipkin's protobuf format.
func protoList(spans []*zipkinv2.Span) []byte {
	var list []byte
	for _, s := range spans {
		list = protoBytes(list, 1, protoOf(s))
	}
	return list
}

func protoOf(s *zipkinv2.Span) []byte {
	b := protoBytes(nil, 1, fromHex(s.TraceID.String()))
	if s.Parent != 0 {
		b = protoBytes(b, 2, binary.BigEndian.AppendUint64(nil, s.Parent))
	}
	b = protoBytes(b, 3, binary.BigEndian.AppendUint64(nil, s.ID))
	b = protoVarint(b, 4, uint64(s.Kind))
	b = protoBytes(b, 5, []byte(s.Name))
	b = protowire.AppendTag(b, 6, protowire.Fixed64Type)
	b = protowire.AppendFixed64(b, uint64(s.Timestamp))
	b = protoVarint(b, 7, uint64(s.Duration))
	for num, e := range map[protowire.Number]*zipkinv2.Endpoint{8: s.Local, 9: s.Remote} {
		if e == nil {
			continue
		}
		endpoint := protoBytes(nil, 1, []byte(e.Service))
		if a, err := netip.ParseAddr(e.IPv4); err == nil {
			endpoint = protoBytes(endpoint, 2, a.AsSlice())
		}
		if a, err := netip.ParseAddr(e.IPv6); err == nil {
			endpoint = protoBytes(endpoint, 3, a.AsSlice())
		}
		b = protoBytes(b, num, protoVarint(endpoint, 4, uint64(e.Port)))
	}
	for _, a := range s.Annotations {
		at := protowire.AppendTag(nil, 1, protowire.Fixed64Type)
		at = protowire.AppendFixed64(at, uint64(a.Timestamp))
		b = protoBytes(b, 10, protoBytes(at, 2, []byte(a.Value)))
	}
	for _, tag := range s.Tags {
		b = protoBytes(b, 11, protoBytes(protoBytes(nil, 1, []byte(tag.Key)), 2, []byte(tag.Value)))
	}
	for num, flag := range map[protowire.Number]bool{12: s.Debug, 13: s.Shared} {
		if flag {
			b = protoVarint(b, num, 1)
		}
	}
	return b
}

func protoBytes(b []byte, num protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), v)
}

func protoVarint(b []byte, num protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), v)
}

func fromHex(text string) []byte {
	b, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return b
}
