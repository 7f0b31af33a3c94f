package tracepage_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"
)

// The bounds are on what the page's main thread computes, so that only a mistake can miss them.
// The test logs the times that a reader waits as well:
//
//	go test ./tracer/collector/page -run TestLargeTraces -v
func TestLargeTraces(t *testing.T) {
	for _, test := range []struct {
		name  string
		spans int
		shown time.Duration // computed until the trace is shown
		found string
	}{
		{"10,000 spans", 10_000, 2 * time.Second, "111"},
		{"100,000 spans", 100_000, 8 * time.Second, "1,111"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, shown := showLarge(t, test.spans)
			computed := b.cpu()
			if computed > test.shown {
				t.Errorf("trace shown: computed for %v, want at most %v", computed, test.shown)
			}
			click, longestClick := b.clicks(20)
			frame, longestFrame := b.scrolls(60)
			if click > 300*time.Millisecond || frame > 150*time.Millisecond {
				t.Errorf("computed for %v a click, %v a scrolled frame", click, frame)
			}
			nodes := value[int](b, "document.querySelectorAll('*').length")
			if nodes > 1000 {
				t.Errorf("elements: have %d, want at most 1000", nodes)
			}
			t.Logf("shown after %v (computed %v); longest click %v (computed %v); "+
				"longest scrolled frame %v (computed %v); %d elements",
				shown, computed, longestClick, click, longestFrame, frame, nodes)
			b.enter("#find", "/api/items/77")
			b.until("document.querySelector('#found').textContent === '" + test.found + "'")
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
	return b, time.Duration(ms * float64(time.Millisecond))
}

// clicks clicks on n rows. It returns what the main thread computes for one, and how long the
// longest took until its frame.
func (b *tab) clicks(n int) (computed, longest time.Duration) {
	b.t.Helper()
	return b.each(n, `const rows = [...document.querySelectorAll('.wrow:not([hidden])')];
		rows[(i * 7) % rows.length].querySelector('.op').click();`)
}

// scrolls scrolls through the whole waterfall in n steps and returns the same of the frames.
func (b *tab) scrolls(n int) (computed, longest time.Duration) {
	b.t.Helper()
	return b.each(n, fmt.Sprintf(`const scroller = document.querySelector('.trace .scroller');
		scroller.scrollTop += scroller.scrollHeight / %d;`, n+1))
}

func (b *tab) each(n int, step string) (computed, longest time.Duration) {
	b.t.Helper()
	before := b.cpu()
	ms := value[float64](b, fmt.Sprintf(`(async () => {
		let longest = 0;
		for (let i = 0; i < %d; i++) {
			const from = performance.now();
			%s
			await new Promise(requestAnimationFrame);
			longest = Math.max(longest, performance.now() - from);
		}
		return longest;
	})()`, n, step))
	return (b.cpu() - before) / time.Duration(n), time.Duration(ms * float64(time.Millisecond))
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
