package tracepage_test

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"bookservice/tracer/collector/page"
)

// Markup and scripts in each field of a span are shown as text.
func TestScriptsInEachFieldAreText(t *testing.T) {
	const evil = `</script><img src=x onerror="window.hit=1"><script>window.hit=1</script>` +
		`<style>*{display:none}</style>"'${hit}javascript:hit`
	now := time.Now().UnixMicro()
	end := &endpoint{Service: "s" + evil, IPv4: "127.0.0.1"}
	spans := []span{
		{TraceID: traceID, ID: "0000000000000001", Name: evil, Timestamp: now, Duration: 9000,
			Local: end},
		{TraceID: traceID, ID: "0000000000000002", ParentID: "0000000000000001", Kind: "CLIENT",
			Name: "call " + evil, Timestamp: now + 10, Duration: 800, Local: end,
			Remote:      &endpoint{Service: "remote" + evil},
			Tags:        map[string]string{evil: evil, "error": evil, "__proto__": evil},
			Annotations: []annotation{{now + 20, evil}}},
	}
	s := newServer(t)
	s.post(spans, "X-Span-Losses", "service=%3Cimg src=x onerror=hit()%3E;since=1;%3Cb%3Ebold=3")
	s.post(spans, "X-Span-Losses", "service=%3Cimg%3E;instance=1;since=1;%3Cb%3Ebold%3C%2Fb%3E=3")
	b := newTab(t, s.URL)
	checkText := func(where string) {
		t.Helper()
		if value[bool](b, "window.hit !== undefined || "+
			"document.querySelectorAll('img, b, body style').length > 0") {
			t.Errorf("%s: text became markup", where)
		}
	}
	lower := strings.ToLower(evil) // names are in lower case
	b.visit("/zipkin/")
	b.text(".list-row", lower)
	b.text("#losses", "<img> lost 3 spans")
	b.text("#losses", "<b>bold</b>")
	checkText("list")
	b.press(".list-row a", "onerror")
	b.text(".title", lower)
	b.press(".wrow", "call ")
	b.text(".detail dt", evil)
	b.text(".detail dd", evil)
	b.text(".detail .events", evil)
	b.text(".detail dl", "remote"+lower)
	checkText("trace")
	b.key("3")
	b.text(".stats .trow", lower)
	b.key("2")
	b.until("document.querySelector('.flame canvas')")
	checkText("flame graph")
	b.press(".tools button", "Compare")
	b.visit("/zipkin/compare?a=" + traceID + "&b=" + traceID)
	b.text(".paths .trow", lower)
	b.visit("/zipkin/dependency")
	b.text(".links .trow", lower)
	checkText("graph")

	var out bytes.Buffer
	if err := page.Save(&out, marshal(t, spans)); err != nil {
		t.Fatal(err)
	}
	b.open("evil.html", out.String())
	b.text(".title", lower)
	b.press(".wrow", "call ")
	b.text(".detail dd", evil)
	checkText("saved file")

	// Addresses are text too.
	b.visit(s.URL + "/zipkin/traces/%3Cimg%20src=x%3E?find=%3Cb%3E&span=%3Cb%3E")
	b.text(".empty", "<img src=x>")
	checkText("address")
}

func TestPageAsksItsCollectorOnly(t *testing.T) {
	s, b := showCall(t)
	for _, view := range []string{"", "traces/" + traceID, "dependency", "compare"} {
		b.visit("/zipkin/" + view)
		b.text(".pulse", "live")
		asked := value[[]string](b, "performance.getEntriesByType('resource').map(e => e.name)")
		for _, address := range asked {
			if !strings.HasPrefix(address, s.URL+"/zipkin/") {
				t.Errorf("/zipkin/%s asks for %s", view, address)
			}
		}
		if len(asked) < 30 {
			t.Errorf("/zipkin/%s: have %d requests, want each module", view, len(asked))
		}
	}
	var out bytes.Buffer
	if err := page.Save(&out, marshal(t, call(traceID, time.Now(), 3, true))); err != nil {
		t.Fatal(err)
	}
	b.open("saved.html", out.String())
	b.text(".title", "7 spans")
	asked := value[[]string](b, "performance.getEntriesByType('resource').map(e => e.name)")
	for _, address := range asked {
		if !strings.HasPrefix(address, "data:") {
			t.Errorf("the saved file asks for %s", address)
		}
	}
}

// axe judges each view, in light and dark; it comes from npm (.ci/run).
func TestAxeFindsNothingSerious(t *testing.T) {
	path := os.Getenv("AXE_JS")
	if path == "" {
		t.Skip("needs AXE_JS, the path of axe.min.js of npm's axe-core")
	}
	axe, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t)
	s.post(append(load(30, time.Second), call(traceID, time.Now(), 3, true)...), "X-Span-Losses",
		"service=bookclient;instance=1;since=1;queue%20full=3")
	other := call(traceID[:31]+"5", time.Now(), 3, true)
	s.post(append(other[:3:3], other[4:]...))
	b := newTab(t, s.URL)
	judge := func(what string) {
		t.Helper()
		value[any](b, string(axe)+"; 1")
		found := value[[]string](b, `axe.run(document, {resultTypes: ['violations']}).then(r =>
			r.violations.filter(v => v.impact === 'serious' || v.impact === 'critical').map(v =>
			v.id + ': ' + v.help + ': ' + v.nodes.map(n => n.html).slice(0, 3).join(' | ')))`)
		for _, v := range found {
			t.Errorf("%s: %.600s", what, v)
		}
	}
	for _, scheme := range []string{"light", "dark"} {
		if scheme == "dark" {
			b.dark()
		}
		for view, ready := range map[string]string{
			"":                                 ".list-row",
			"?error=true&text=zzz":             ".empty h2",
			"traces/" + traceID:                ".wrow",
			"traces/" + traceID + "?tab=stats": ".stats .trow",
			"traces/" + traceID + "?tab=flame": ".flame canvas",
			"dependency":                       ".graph a",
			"compare":                          ".empty h2",
			"compare?a=" + traceID + "&b=" + traceID[:31] + "5": ".paths .trow.removed",
			"traces/" + strings.Repeat("e", 32):                 ".empty h2",
		} {
			b.visit("/zipkin/" + view)
			b.until("document.querySelector('" + ready + "')")
			b.text(".pulse", "live")
			judge(scheme + " /zipkin/" + view)
		}
		b.visit("/zipkin/traces/" + traceID + "?find=books")
		b.press(".wrow", "getbooklistserver")
		b.text(".detail .place", "Against all")
		b.press("#prune summary", "Prune")
		judge(scheme + " detail and prune")
		b.key("?")
		b.until("document.querySelector('dialog').open")
		judge(scheme + " keys")
	}
}
