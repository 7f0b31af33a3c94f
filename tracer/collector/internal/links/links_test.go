package links_test

import (
	"fmt"
	"testing"

	"bookservice/tracer/collector/internal/links"
	"bookservice/tracer/collector/internal/zipkinv2"
)

// Each rule of Zipkin's DependencyLinker. That the answers are the real Zipkin's on many generated
// traces is compared in package collector.
func TestLinksFollowZipkinsRules(t *testing.T) {
	span := func(id, parent int, kind, local, remote, more string) string {
		s := fmt.Sprintf(`{"traceId":"1","id":"%x","timestamp":%d`, id, id)
		if parent > 0 {
			s += fmt.Sprintf(`,"parentId":"%x"`, parent)
		}
		if kind != "" {
			s += `,"kind":"` + kind + `"`
		}
		return s + `,"localEndpoint":{"serviceName":"` + local +
			`"},"remoteEndpoint":{"serviceName":"` + remote + `"}` + more + `}`
	}
	const failed = `,"tags":{"error":""}`
	for name, test := range map[string]struct {
		spans []string
		want  string
	}{
		"nothing": {nil, `[]`},
		"a client's leaf": {
			[]string{span(1, 0, "CLIENT", "a", "b", "")},
			`[{"parent":"a","child":"b","callCount":1}]`,
		},
		"the server's name counts": {
			[]string{span(1, 0, "CLIENT", "a", "x", ""), span(2, 1, "SERVER", "b", "y", "")},
			`[{"parent":"a","child":"b","callCount":1}]`,
		},
		"a shared id": {
			[]string{
				span(1, 0, "CLIENT", "a", "", failed),
				span(1, 0, "SERVER", "b", "", `,"shared":true`),
			},
			`[{"parent":"a","child":"b","callCount":1}]`,
		},
		"a shared id without the flag": {
			[]string{span(1, 0, "SERVER", "b", "", ""), span(1, 0, "CLIENT", "a", "", "")},
			`[{"parent":"a","child":"b","callCount":1}]`,
		},
		"the client's error counts": {
			[]string{span(1, 0, "CLIENT", "a", "", failed), span(2, 1, "SERVER", "b", "", "")},
			`[{"parent":"a","child":"b","callCount":1,"errorCount":1}]`,
		},
		"the server's error counts": {
			[]string{span(1, 0, "CLIENT", "a", "", ""), span(2, 1, "SERVER", "b", "", failed)},
			`[{"parent":"a","child":"b","callCount":1,"errorCount":1}]`,
		},
		"a root server without a client": {[]string{span(1, 0, "SERVER", "b", "", "")}, `[]`},
		"a root server with a client": {
			[]string{span(1, 0, "SERVER", "b", "a", "")},
			`[{"parent":"a","child":"b","callCount":1}]`,
		},
		"a local span between": {
			[]string{
				span(1, 0, "SERVER", "a", "", ""), span(2, 1, "", "a", "", ""),
				span(3, 2, "CLIENT", "a", "b", ""),
			},
			`[{"parent":"a","child":"b","callCount":1}]`,
		},
		"no kind but both names": {
			[]string{span(1, 0, "", "a", "b", "")}, `[{"parent":"a","child":"b","callCount":1}]`,
		},
		"a client of another service": {
			[]string{span(1, 0, "SERVER", "a", "", ""), span(2, 1, "CLIENT", "x", "b", failed)},
			`[{"parent":"a","child":"x","callCount":1},` +
				`{"parent":"x","child":"b","callCount":1,"errorCount":1}]`,
		},
		"messages": {
			[]string{
				span(1, 0, "PRODUCER", "a", "queue", ""), span(2, 1, "CONSUMER", "b", "queue", ""),
			},
			`[{"parent":"a","child":"queue","callCount":1},` +
				`{"parent":"queue","child":"b","callCount":1}]`,
		},
		"messages of an unknown broker": {
			[]string{span(1, 0, "PRODUCER", "a", "", ""), span(2, 1, "CONSUMER", "b", "", "")},
			`[]`,
		},
		"pieces": {
			[]string{
				span(1, 0, "CLIENT", "a", "", ""), span(1, 0, "", "a", "b", ""),
				span(1, 0, "", "a", "", failed),
			},
			`[{"parent":"a","child":"b","callCount":1,"errorCount":1}]`,
		},
		"a missing root": {
			[]string{span(3, 2, "SERVER", "b", "a", ""), span(4, 3, "CLIENT", "b", "c", "")},
			`[{"parent":"a","child":"b","callCount":1},{"parent":"b","child":"c","callCount":1}]`,
		},
		"a circle": {
			[]string{span(1, 2, "CLIENT", "a", "b", ""), span(2, 1, "SERVER", "b", "", "")}, `[]`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			list := "["
			for i, s := range test.spans {
				if i > 0 {
					list += ","
				}
				list += s
			}
			spans, err := zipkinv2.NewDecoder().ReadJSON([]byte(list + "]"))
			if err != nil {
				t.Fatal(err)
			}
			var l links.Linker
			l.Add(spans)
			if have := string(links.AppendJSON(nil, l.Links())); have != test.want {
				t.Errorf("have %s, want %s", have, test.want)
			}
		})
	}
}
