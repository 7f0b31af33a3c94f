package page_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"
)

// Bounds that only a mistake can miss, on a machine that is busy and with the race detector:
// BenchmarkLargeTraces measures.
func TestLargeTraces(t *testing.T) {
	for _, test := range []struct {
		name  string
		spans int
		shown time.Duration
	}{{"10,000 spans", 10_000, 3 * time.Second}, {"100,000 spans", 100_000, 10 * time.Second}} {
		t.Run(test.name, func(t *testing.T) {
			b, shown := showLarge(t, test.spans)
			if shown > test.shown {
				t.Errorf("shown after %v, want %v", shown, test.shown)
			}
			click, frame, nodes := b.measureLarge()
			if click > time.Second || frame > time.Second {
				t.Errorf("a click took %v, a frame %v, want at most 1 s", click, frame)
			}
			if nodes > 1000 {
				t.Errorf("elements: have %d, want at most 1000", nodes)
			}
			t.Logf("shown %v, click %v, frame %v, elements %d", shown, click, frame, nodes)
			b.enter("#find", "/api/items/77")
			b.until("document.querySelector('#found').textContent === '" +
				map[int]string{10_000: "111", 100_000: "1,111"}[test.spans] + "'")
			b.shot("large")
			b.key("\x1b2")
			b.until("document.querySelector('.flame canvas')")
			b.shot("large-flame")
		})
	}
}

// cpu returns the time that the page's main thread has computed. It does not depend on what else
// the machine does.
func (b *tab) cpu() time.Duration {
	b.t.Helper()
	metrics, err := chromedp.Call(b.ctx, performance.GetMetrics, cdp.Empty{})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, m := range metrics.Metrics {
		if m.Name == "TaskDuration" {
			return time.Duration(m.Value * float64(time.Second))
		}
	}
	b.t.Fatal("the browser does not measure TaskDuration")
	return 0
}

// showLarge posts a trace and returns how long the page took from the start of its navigation until
// its rows were drawn.
func showLarge(t *testing.T, n int) (*tab, time.Duration) {
	t.Helper()
	s := newServer(t)
	spans := large(n)
	for len(spans) > 0 {
		part := min(len(spans), 20_000)
		s.post(spans[:part])
		spans = spans[part:]
	}
	b := newTab(t, s.URL)
	_, err := chromedp.Call(b.ctx, performance.Enable, performance.EnableParams{
		TimeDomain: performance.EnableTimeDomainThreadTicks,
	})
	if err != nil {
		t.Fatal(err)
	}
	b.visit("/zipkin/traces/1a46?fold=0")
	b.until("document.querySelector('[data-ready] .wrow')")
	ms := value[float64](b, `new Promise(done => requestAnimationFrame(() => setTimeout(() =>
		done(performance.getEntriesByName('shown')[0].startTime))))`)
	t.Logf("the main thread has computed %v", b.cpu())
	return b, time.Duration(ms * float64(time.Millisecond))
}

// measureLarge returns the longest of 20 clicks, the longest of 60 frames while the waterfall
// scrolls, and the number of elements.
func (b *tab) measureLarge() (click, frame time.Duration, nodes int) {
	b.t.Helper()
	const next = "const frame = () => new Promise(requestAnimationFrame);"
	before := b.cpu()
	clicks := value[float64](b, `(async () => {`+next+`
		let click = 0;
		for (let i = 0; i < 20; i++) {
			const rows = [...document.querySelectorAll('.wrow:not([hidden])')];
			const from = performance.now();
			rows[(i * 7) % rows.length].querySelector('.op').click();
			await frame();
			click = Math.max(click, performance.now() - from);
		}
		return click;
	})()`)
	clicked := b.cpu()
	frames := value[float64](b, `(async () => {`+next+`
		const scroller = document.querySelector('.trace .scroller');
		let longest = 0;
		for (let i = 0; i < 60; i++) {
			scroller.scrollTop += scroller.scrollHeight / 61;
			const from = performance.now();
			await frame();
			longest = Math.max(longest, performance.now() - from);
		}
		return longest;
	})()`)
	b.t.Logf("the main thread computes %v a click, %v a scrolled frame", (clicked-before)/20,
		(b.cpu()-clicked)/60)
	ms := func(v float64) time.Duration { return time.Duration(v * float64(time.Millisecond)) }
	return ms(clicks), ms(frames), value[int](b, "document.querySelectorAll('*').length")
}

// Many services, operations, tags and annotations leave the document small too.
func TestMuchOfEachLeavesTheDocumentSmall(t *testing.T) {
	s := newServer(t)
	m := newMaker(traceID, time.Now())
	root := m.add("", "", "service-0", "root", 0, 1_000_000)
	tags := map[string]string{}
	for i := range 3000 {
		tags[fmt.Sprintf("key-%04d", i)] = strings.Repeat("x", 200)
		m.spans[0].Annotations = append(m.spans[0].Annotations,
			annotation{m.start + int64(i), fmt.Sprintf("event %d", i)})
	}
	m.spans[0].Tags = tags
	for i := range int64(2000) {
		client := m.add(root, "CLIENT", fmt.Sprintf("service-%d", i%400),
			fmt.Sprintf("operation-%d", i), i*100, 90)
		m.add(client, "SERVER", fmt.Sprintf("service-%d", (i*7+1)%400), "serve", i*100+1, 50)
	}
	s.post(m.spans)
	b := newTab(t, s.URL)
	for address, ready := range map[string]string{
		"":                   ".list-row",
		"?service=service-1": ".list-row",
		"traces/" + traceID + "?span=0000000000000001": ".detail .events li",
		"traces/" + traceID + "?tab=stats":             ".stats .trow.link",
		"traces/" + traceID + "?tab=flame":             ".flame canvas",
		"compare?a=" + traceID + "&b=" + traceID:       ".paths .rows .trow",
		"dependency":                                   ".graph rect",
		"dependency?service=service-1":                 ".graph rect",
	} {
		b.visit("/zipkin/" + address)
		b.until("document.querySelector('" + ready + "')")
		if n := value[int](b, "document.querySelectorAll('*').length"); n > 1000 {
			t.Errorf("/zipkin/%s: have %d elements, want at most 1000", address, n)
		}
	}
	b.visit("/zipkin/traces/" + traceID + "?span=0000000000000001")
	b.text(".detail", "1 to 50 of 3,000")
	b.press(".detail button", "Next")
	b.text(".detail dt", "key-0050")
}
