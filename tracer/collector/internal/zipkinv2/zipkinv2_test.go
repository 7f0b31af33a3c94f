package zipkinv2

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

func read(t *testing.T, list string) []*Span {
	t.Helper()
	spans, err := NewDecoder().ReadJSON([]byte(list))
	if err != nil {
		t.Fatalf("%s: %v", list, err)
	}
	return spans
}

// What is read and written is what Zipkin stores: the comparison with the real one is in package
// collector.
func TestSpansAreNormalised(t *testing.T) {
	const ids = `"traceId":"1","id":"2"`
	const written = `[{"traceId":"0000000000000001","id":"0000000000000002"`
	for in, want := range map[string]string{
		ids:                                     written + `}]`,
		`"traceId":"1","id":"2","parentId":"2"`: written + `}]`,
		`"traceId":"1","id":"2","parentId":"0"`: written + `}]`,
		ids + `,"name":"ÄB","kind":"PRODUCER"`: written +
			`,"kind":"PRODUCER","name":"äb"}]`,
		ids + `,"timestamp":-1,"duration":"7"`: written +
			`,"duration":7}]`,
		ids + `,"shared":true,"kind":"CLIENT"`: written +
			`,"kind":"CLIENT"}]`,
		ids + `,"tags":{"b":"1","a":2,"b":"3"}`: written +
			`,"tags":{"a":"2","b":"3"}}]`,
		ids + `,"tags":{"` + "\u2028" + `":"\u2029\t"}`: written +
			`,"tags":{"\u2028":"\u2029\t"}}]`,
		ids + `,"tags":{"a":"\ud83d\ude00\ud83d"}`: written +
			`,"tags":{"a":"😀?"}}]`,
		ids + `,"tags":{"a":"` + "\xff" + `"}`: written +
			`,"tags":{"a":"` + "\ufffd" + `"}}]`,
		ids + `,"localEndpoint":{"ipv6":"2001:0:0:1::1"}`: written +
			`,"localEndpoint":{"ipv6":"2001:0:0:1::1"}}]`,
		ids + `,"localEndpoint":{"ipv6":"1:2:3:4:5:6:7:0"}`: written +
			`,"localEndpoint":{"ipv6":"1:2:3:4:5:6:7::"}}]`,
		ids + `,"remoteEndpoint":{"ipv4":"1.2.3.4","port":9}`: written +
			`,"remoteEndpoint":{"ipv4":"1.2.3.4","port":9}}]`,
		ids + `,"localEndpoint":{"ipv4":"1.2.3"},"debug":true`: written +
			`,"debug":true}]`,
		ids + `,"annotations":[{"timestamp":2,"value":"b"},{"timestamp":1,"value":"c"},` +
			`{"timestamp":2,"value":"b"},{"timestamp":2,"value":"a"}]`: written +
			`,"annotations":[{"timestamp":1,"value":"c"},{"timestamp":2,"value":"a"},` +
			`{"timestamp":2,"value":"b"}]}]`,
	} {
		if have := string(AppendList(nil, read(t, "[{"+in+"}]"))); have != want {
			t.Errorf("%s: have\n%s\nwant\n%s", in, have, want)
		}
	}
}

func TestErrorsAreThoseOfZipkin(t *testing.T) {
	const structure = "See https://github.com/google/gson/blob/main/Troubleshooting.md" +
		"#unexpected-json-structure"
	for in, want := range map[string]string{
		`[{"traceId":"1"}]`:                  "Missing : id",
		`[{}]`:                               "Missing : traceId id",
		`[{"traceId":"1","id":"0"}]`:         "id is all zeros",
		"[\n {\"traceId\":\"ä\",\n\"id\": ":  "ä should be lower-hex encoded with no prefix",
		"[\n {\"traceId\":\"1\",\n \"id\": ": "End of input at line 3 column 8 path $[0].id",
		`[{"traceId":"1","id":"1","debug":1}]`: "Expected a boolean but was NUMBER" +
			" at line 1 column 35 path $[0].debug\n" + structure,
		`{}`: "Malformed",
		`[{"traceId":"1","id":"1","annotations":{}}]`: "Malformed",
		`[{"traceId":"1","id":"1","annotations":1}]`:  "Malformed",
		`[{"traceId":"1" "id":"1"}]`:                  "Malformed",
		`[x]`:                                         "Malformed",
		`[1]`:                                         "Malformed",
	} {
		_, err := NewDecoder().ReadJSON([]byte(in))
		if err == nil || err.Error() != want+" reading List<Span> from json" {
			t.Errorf("%s: have %v, want %s", in, err, want)
		}
	}
}

// A decoder that has failed, or that has read other spans, starts afresh.
func TestDecoderIsUsedAgain(t *testing.T) {
	d := NewDecoder()
	first, err := d.ReadJSON([]byte(`[{"traceId":"1","id":"1","name":"a","tags":{"k":"v"},
		"annotations":[{"timestamp":1,"value":"x"}],"localEndpoint":{"serviceName":"S"}}]`))
	if err != nil {
		t.Fatal(err)
	}
	want := string(AppendList(nil, first))
	for _, bad := range []string{`[{"traceId":"2","id":"2","tags":{"k":`, `[{"tags":{"a":"b"}}]`} {
		if _, err := d.ReadJSON([]byte(bad)); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
	second, err := d.ReadJSON([]byte(`[{"traceId":"1","id":"1"}]`))
	if err != nil || len(second[0].Tags) != 0 || len(second[0].Annotations) != 0 {
		t.Errorf("have %s, %v, want nothing of the span before", AppendList(nil, second), err)
	}
	if have := string(AppendList(nil, first)); have != want {
		t.Errorf("have %s after other spans, want %s", have, want)
	}
	third, err := d.ReadJSON([]byte(`[{"traceId":"1","id":"1",
		"localEndpoint":{"serviceName":"s"}}]`))
	if err != nil || third[0].Local != first[0].Local {
		t.Errorf("have %p and %p, %v, want one endpoint", third[0].Local, first[0].Local, err)
	}
}

// Unknown fields of protobuf are skipped, whatever their type.
func TestUnknownProtobufFieldsAreSkipped(t *testing.T) {
	field := func(b []byte, num protowire.Number, v string) []byte {
		return protowire.AppendString(protowire.AppendTag(b, num, protowire.BytesType), v)
	}
	s := field(nil, 99, "unknown")
	s = protowire.AppendFixed32(protowire.AppendTag(s, 98, protowire.Fixed32Type), 1)
	s = protowire.AppendFixed64(protowire.AppendTag(s, 97, protowire.Fixed64Type), 1)
	s = protowire.AppendVarint(protowire.AppendTag(s, 96, protowire.VarintType), 1)
	s = field(field(s, 1, "12345678"), 3, "abcdefgh")
	s = field(s, 11, string(field(field(nil, 1, "k"), 7, "?")))
	list := field(field(nil, 1, string(s)), 15, "unknown")
	spans, err := NewDecoder().ReadProto(list)
	want := `[{"traceId":"3132333435363738","id":"6162636465666768","tags":{"k":""}}]`
	if have := string(AppendList(nil, spans)); err != nil || have != want {
		t.Errorf("have %s, %v, want %s", have, err, want)
	}
}

func TestNamesAreSortedByCodeUnits(t *testing.T) {
	sorted := []string{"", "a", "a\x00", "b", "ä", "\ud7ff", "😀", "\U0010ffff", "\ue000", "\uffee"}
	for i, a := range sorted {
		for j, b := range sorted {
			if have := Compare(a, b); have != sign(i-j) {
				t.Errorf("%q, %q: have %d, want %d", a, b, have, sign(i-j))
			}
		}
	}
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

// Decoding takes at most eight allocations a span.
func TestDecodingAllocatesLittle(t *testing.T) {
	var spans []string
	for i := range 100 {
		spans = append(spans, fmt.Sprintf(`{"traceId":"%x","id":"%x","name":"Get","timestamp":1,
			"duration":1,"localEndpoint":{"serviceName":"books","ipv4":"10.0.0.1","port":1},
			"tags":{"a":"b","n":"%d"},"annotations":[{"timestamp":1,"value":"x"}]}`, i+1, i+1, i))
	}
	body := []byte("[" + strings.Join(spans, ",") + "]")
	d := NewDecoder()
	if have := testing.AllocsPerRun(10, func() {
		if _, err := d.ReadJSON(body); err != nil {
			t.Fatal(err)
		}
	}); have > 800 {
		t.Errorf("have %v allocations for 100 spans, want at most 800", have)
	}
}

// Whatever a body has, the decoder returns. What it accepts is the same after it was written.
func FuzzReadJSON(f *testing.F) {
	f.Add([]byte(`[{"traceId":"1","id":"2","tags":{"a":"\u00e4\ud83d"},"timestamp":"1e3"}]`))
	f.Add([]byte(`[{"traceId":"1","id":"2","localEndpoint":{"ipv6":"::ffff:1.2.3.4","port":-1}}]`))
	f.Add([]byte(`[{"traceId":"1","id":"2","annotations":[{"timestamp":1,"value":"x"}],
		"x":[[{}]]}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		spans, err := NewDecoder().ReadJSON(body)
		if err != nil {
			return
		}
		text := AppendList(nil, spans)
		if !json.Valid(text) {
			t.Fatalf("have %s, want JSON", text)
		}
		again, err := NewDecoder().ReadJSON(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if have := AppendList(nil, again); string(have) != string(text) {
			t.Errorf("have %s after %s", have, text)
		}
	})
}

func FuzzReadProto(f *testing.F) {
	f.Add([]byte("\x0a\x16\x0a\x08abcdefgh\x1a\x08abcdefgh\x20\x01"))
	f.Fuzz(func(t *testing.T, body []byte) {
		spans, err := NewDecoder().ReadProto(body)
		if err == nil && !json.Valid(AppendList(nil, spans)) {
			t.Errorf("have %s, want JSON", AppendList(nil, spans))
		}
	})
}
