package tracepage_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const traceID = "4bf92f3577b34da6a3ce929d0e0e4736"

// rows is an expression for the number of the waterfall's rows that are drawn.
const rows = "document.querySelectorAll('[role=treeitem]:not([hidden])').length"

func clickAt(point []float64) chromedp.Action[chromedp.Void] {
	return chromedp.MouseClickXY(point[0], point[1])
}

func moveTo(x, y float64) chromedp.Action[chromedp.Void] {
	return chromedp.MouseEvent(chromedp.MouseMoved, x, y)
}

// showCall opens a trace of a client's two calls, the second of which fails.
func showCall(t *testing.T) (*server, *tab) {
	t.Helper()
	s := newServer(t)
	s.post(append(load(30, time.Second), call(traceID, time.Now(), 3, true)...))
	b := newTab(t, s.URL)
	b.visit("/zipkin/traces/" + traceID)
	b.text(".title", "7 spans")
	b.text(".wrow", "bookcaller")
	return s, b
}

func TestWaterfallAndDetail(t *testing.T) {
	_, b := showCall(t)
	b.text(".title", "1 error")
	b.text(".title", "27.0 ms")
	b.until(rows + " === 7")
	b.press(".wrow", "getbooklistserver")
	b.text(".detail h2", "getbooklist")
	b.text(".detail dd.error", "Unavailable: the database does not answer")
	b.text(".detail .events", "cache miss")
	b.text(".detail .events", "+900 µs")
	b.text(".detail dl", "127.0.0.1:50051")
	b.text(".detail dl", traceID)
	b.text(".detail dl", "2.70 ms (30%)") // self time
	b.text(".detail .place", "Against all 31 of this operation")
	b.shot("trace")
	b.press(".detail button", "Parent")
	b.text(".detail .badge", "client")
	b.press(".detail button", "Close")
	b.until("document.querySelector('.detail').hidden")
}

func TestFindInAllFields(t *testing.T) {
	_, b := showCall(t)
	for _, test := range []struct{ query, found string }{
		{"select title from", "2"},
		{"cache miss", "2"},
		{"127.0.0.1", "7"},
		{"0000000000000003", "2"}, // an id and a parent's
		{"sqlite", "2"},
		{"kind of nothing", "none"},
		{"bookserver error=unavailable", "1"},
	} {
		value[any](b, "history.replaceState(null, '', '/zipkin/traces/"+traceID+"')")
		b.key("/")
		b.until("document.activeElement.id === 'find'")
		b.enter("#find", test.query)
		b.until("document.querySelector('#found').textContent.endsWith('" + test.found + "')")
		b.key("\r")
		b.key("\x1b")
	}
	b.text(".detail h2", "getbooklist")
	b.press(".find button", "Only matches")
	b.until(rows + " === 3")
	b.visit(value[string](b, "location.href"))
	b.until(rows + " === 3")
}

func TestPrune(t *testing.T) {
	_, b := showCall(t)
	b.press("#prune summary", "Prune")
	b.press("#prune label", "bookserver")
	b.until(rows + " === 3")
	b.text("#prune summary", "Prune (1)")
	b.press("#prune label", "client")
	b.until(rows + " === 1")
	b.press("#prune button", "Show all spans")
	b.until(rows + " === 7")
	value[any](b, "(s => { s.value = '10'; s.dispatchEvent(new Event('change')); return 1 })"+
		"(document.querySelector('#prune select'))")
	b.until("location.search.includes('share=10')")
	b.visit("/zipkin/traces/" + traceID + "?hidekind=SERVER")
	b.until(rows + " === 5")
	// Children of a hidden span take its place.
	b.text("[aria-level='3']", "select books")
}

func TestLinksAndBack(t *testing.T) {
	s, b := showCall(t)
	b.press(".wrow", "getbookinfoclient")
	b.text(".detail h2", "getbookinfo")
	b.press(".detail button", "Zoom")
	b.until("location.search.includes('zoom=')")
	b.press(".tabs button", "Statistics")
	b.text(".stats .trow", "select books")
	address := value[string](b, "location.href")

	other := newTab(t, s.URL)
	other.visit(address)
	other.text(".stats .trow", "select books")
	other.text(".detail h2", "getbookinfo")
	other.until("document.querySelector('.minimap canvas').ariaLabel.includes('15 µs to 12.9 ms')")

	back := func() { value[any](b, "history.back()") }
	back()
	b.text(".wrow", "bookcaller")
	b.until("location.search.includes('zoom=')")
	back()
	b.until("!location.search.includes('zoom=')")
	b.text(".detail h2", "getbookinfo")
	back()
	b.until("document.querySelector('.detail').hidden")
	b.press("nav a", "Traces")
	b.text("#count", "31 traces")
	back()
	b.text(".title", "7 spans")
}

func TestStatisticsAndFlameGraph(t *testing.T) {
	_, b := showCall(t)
	b.key("3")
	b.text(".stats .trow", "bookserver select books")
	b.until("document.querySelectorAll('.stats .trow.link:not([hidden])').length === 6")
	b.press(".stats [role=columnheader] button", "p99")
	b.until("document.querySelector('.stats [aria-sort=descending]').textContent === 'p99'")
	b.shot("stats")
	b.press(".stats .trow.link", "select books")
	b.text(".detail h2", "select books") // the longest one
	b.key("2")
	b.until("document.querySelector('.flame canvas').ariaLabel.includes('graph of 7 spans')")
	value[any](b, "document.querySelector('.flame canvas').focus()")
	b.do(chromedp.KeyEvent(kb.ArrowDown))
	b.text(".flame p", "book.bookservice/")
	b.shot("flame")
}

func TestFoldedSiblings(t *testing.T) {
	s := newServer(t)
	m := newMaker(traceID, time.Now())
	root := m.add("", "", "shop", "report", 0, 1_000_000)
	for i := range int64(200) {
		m.add(root, "CLIENT", "shop", "fetch row", i*4000, 1000+i*10)
	}
	m.last().Tags = map[string]string{"error": "timeout"}
	m.add(root, "", "shop", "render", 900_000, 50_000)
	s.post(m.spans)
	b := newTab(t, s.URL)
	b.visit("/zipkin/traces/" + traceID)
	b.until(rows + " === 3")
	b.text(".wrow", "200 × fetch row")
	b.until("[...document.querySelectorAll('[role=treeitem]')].some(e => e.textContent.includes(" +
		"'1 error, median 1.99 ms, 90% under 2.79 ms, longest 2.99 ms'))")
	b.shot("fold")
	b.press(".wrow", "200 × fetch row")
	b.until(rows + " > 20")
	b.press(".wrow", "200 × fetch row")
	b.until(rows + " === 3")
	b.key("kj") // the keyboard reaches it too
	b.until("document.querySelector('.wrow.group').ariaSelected === 'true'")
	b.key("o")
	b.until(rows + " > 20")
	b.key("h")
	b.until(rows + " === 3")
	b.key("f") // the next error opens the group
	b.text(".detail dd.error", "timeout")
	b.until("document.querySelector('.wrow[aria-selected=true]:not([hidden])')")
	b.press(".tools button", "Fold")
	b.until(rows + " > 20 && location.search.includes('fold=0')")
}

func TestOpenSpansGrow(t *testing.T) {
	s := newServer(t)
	m := newMaker(traceID, time.Now().Add(-3*time.Second))
	root := m.add("", "", "bookclient", "import", 0, 0)
	m.add(root, "CLIENT", "bookclient", "first step", 1000, 900_000)
	s.post(m.spans)
	b := newTab(t, s.URL)
	b.visit("/zipkin/")
	b.text(".running", "bookclient import")
	b.text(".list-row", "1 open")
	b.press(".running a", "import")
	b.text(".title", "1 open")
	b.text(".detail .badge", "open")
	first := value[string](b, "document.querySelector('.title strong').textContent")
	b.until("document.querySelector('.title strong').textContent !== '" + first + "'")
	b.until("document.querySelector('.wrow.open').textContent.includes('import, open, ')")
	b.shot("open")
	m.spans[0].Duration = 4_000_000
	s.post(m.spans[:1])
	b.gone(".title", "open")
	b.text(".title strong", "4.00 s")
	b.text(".title", "2 spans")
}

func TestTraceStaysWhenTheCollectorForgetsIt(t *testing.T) {
	_, b := showCall(t)
	value[any](b, "fetch('/zipkin/api/v2/clear', {method: 'POST'})")
	b.text("#gone", "The collector no longer has this trace")
	b.press(".wrow", "getbooklistserver")
	b.text(".detail dd.error", "Unavailable")
	next := b.downloads()
	b.press("#gone button", "Save as one HTML file")
	_, text := next()
	b.open("kept.html", text)
	b.text(".title", "7 spans")
}

func TestMissingParentIsARow(t *testing.T) {
	s := newServer(t)
	spans := call(traceID, time.Now(), 3, false)
	s.post(append(spans[:2:2], spans[3:]...)) // without a server's span
	b := newTab(t, s.URL)
	b.visit("/zipkin/traces/" + traceID)
	b.text(".title", "1 parent missing")
	b.text(".wrow.missing", "parent 0000000000000003 is missing")
	b.until("document.querySelector('.wrow.missing').ariaExpanded === 'true'")
	b.press(".wrow.missing", "parent")
	b.text(".detail", "no piece of it has arrived")
	b.shot("missing")
	s.post(spans[2:3])
	b.gone(".title", "missing")
	b.text(".title", "7 spans")
}

func TestSkewIsToldAndCanBeSwitchedOff(t *testing.T) {
	s := newServer(t)
	spans := call(traceID, time.Now(), 3, false)
	for i := range spans {
		if spans[i].Local.Service == "bookserver" {
			spans[i].Timestamp -= 5_000_000
		}
	}
	s.post(spans)
	b := newTab(t, s.URL)
	b.visit("/zipkin/traces/" + traceID)
	b.text("#skew", "bookserver is 5.00 s behind (4 spans)")
	b.text(".title strong", "27.0 ms")
	b.press(".wrow", "select books")
	b.text(".detail dl", "behind; reported")
	b.press("#skew button", "Show as reported")
	b.text("#skew", "Times are drawn as reported")
	b.text(".title strong", "5.0")
	b.until("location.search.includes('skew=0')")
	b.press("#skew button", "Correct them")
	b.text(".title strong", "27.0 ms")
}

func TestNamesChangeTheirWidth(t *testing.T) {
	_, b := showCall(t)
	left := "Math.round(document.querySelector('.ruler canvas').getBoundingClientRect().left)"
	before := value[float64](b, left)
	b.do(chromedp.DragAndDropXY(before-3, 180, 300, 180, 3))
	b.until("Math.abs(" + left + " - 300) < 8")
	value[any](b, "document.querySelector('.grip').focus()")
	b.do(chromedp.KeyEvent(kb.ArrowRight))
	b.until(left + " > 305")
	b.until("document.querySelector('.grip').getAttribute('aria-valuenow') > 20")
}

func TestMinimapZooms(t *testing.T) {
	_, b := showCall(t)
	box := value[[]float64](b, "(r => [r.x, r.y, r.width, r.height])"+
		"(document.querySelector('.minimap canvas').getBoundingClientRect())")
	x := func(share float64) float64 { return box[0] + box[2]*share }
	y := box[1] + box[3]/2
	b.do(chromedp.DragAndDropXY(x(0.25), y, x(0.75), y, 4))
	b.until("/zoom=67\\d\\d-202\\d\\d/.test(location.search)")
	b.press(".tools button", "Whole time")
	b.until("!location.search.includes('zoom')")
}

func TestCompareByStructure(t *testing.T) {
	s := newServer(t)
	a, c := call(traceID, time.Now(), 3, false), call(traceID[:31]+"5", time.Now(), 6, false)
	c = append(c[:6:6], span{TraceID: c[0].TraceID, ID: "00000000000000aa", ParentID: c[0].ID,
		Name: "retry", Timestamp: c[0].Timestamp + 10, Duration: 5, Local: c[0].Local})
	s.post(append(a, c...))
	b := newTab(t, s.URL)
	b.visit("/zipkin/")
	b.text("#count", "2 traces")
	b.key("jcjc") // mark one, then the other
	b.text("#compared", "differ")
	params := fmt.Sprintf("?a=%s&b=%s", a[0].TraceID, c[0].TraceID)
	b.visit("/zipkin/compare" + params)
	b.text("#compared", "B takes 27.0 ms more")
	b.text("#compared", "2 paths differ in structure")
	b.text(".trow.added", "retry")
	b.text(".trow.removed", "select books")
	b.press(".tools button", "Only differences")
	b.until("document.querySelectorAll('.paths .rows .trow:not([hidden])').length === 2")
	b.press(".tools button", "Swap")
	b.text(".trow.removed", "retry")
	b.shot("compare")
}

func TestGraph(t *testing.T) {
	s := newServer(t)
	s.post(load(60, time.Second))
	m := newMaker(traceID, time.Now())
	root := m.add("", "SERVER", "shop", "checkout", 0, 90_000)
	client := m.add(root, "CLIENT", "shop", "charge", 100, 80_000)
	m.last().Remote = &endpoint{Service: "payment"}
	m.add(client, "SERVER", "payment", "charge", 200, 70_000)
	m.last().Tags = map[string]string{"error": "declined"}
	s.post(m.spans)
	b := newTab(t, s.URL)
	b.visit("/zipkin/dependency")
	b.text("#graph-summary", "5 services")
	b.text(".links .trow", "bookserver")
	// 120 calls in the minute that has traces, not in the 15 minutes that are chosen.
	b.until("[...document.querySelectorAll('.graph text.count')]" +
		".some(e => /^(8|9|10|11|12)\\d\\/min$/.test(e.textContent))")
	b.text(".graph text.error", "100% errors")
	b.shot("graph")
	b.press(".graph a", "payment")
	b.text("#graph-summary", "2 services, 1 call")
	b.until("location.search === '?service=payment'")
	value[any](b, "history.back()")
	b.text("#graph-summary", "5 services")
}

func TestKeys(t *testing.T) {
	s, b := showCall(t)
	b.key("?")
	b.text("dialog", "critical path")
	b.shot("keys")
	b.key("\x1b")
	b.until("!document.querySelector('dialog').open")
	selected := func(part string) {
		t.Helper()
		b.until("(e => e && e.textContent.includes('" + part + "'))" +
			"(document.querySelector('.wrow[aria-selected=true]:not([hidden])'))")
	}
	b.key("jjj")
	selected("getbookinfoserver")
	b.key("k")
	selected("getbookinfoclient")
	b.until("document.querySelector('[role=tree]').getAttribute('aria-activedescendant') === " +
		"document.querySelector('.wrow[aria-selected=true]:not([hidden])').id")
	b.key("]")
	b.until(rows + " === 3")
	b.key("[")
	b.until(rows + " === 7")
	b.key("z")
	b.until("location.search.includes('zoom=')")
	before := value[string](b, "location.search")
	b.key("d")
	b.until("location.search !== '" + before + "'")
	b.key("a")
	b.until("location.search === '" + before + "'")
	b.key("0")
	b.until("!location.search.includes('zoom=')")
	b.key("f")
	selected("error")
	b.key("x")
	b.until("location.search.includes('fold=0')")
	b.key("c")
	b.until("location.search.includes('path=0')")
	b.key("\x1b")
	b.until("document.querySelector('.detail').hidden")
	b.key("gt")
	b.text("#count", "31 traces")
	b.key("jj\r")
	b.text(".title", "7 spans")
	b.key("gd")
	b.text("#graph-summary", "services")

	// The list is long enough to scroll in the waterfall of another trace.
	s.post(large(500))
	b.visit("/zipkin/traces/1a46?fold=0")
	b.until("document.querySelector('.wrow')")
	b.key("s")
	b.until("document.querySelector('.trace .scroller').scrollTop > 100")
	b.key("w")
	b.until("document.querySelector('.trace .scroller').scrollTop === 0")
}

func TestDarkBySystem(t *testing.T) {
	_, b := showCall(t)
	ground := "getComputedStyle(document.body).backgroundColor"
	light := value[string](b, ground)
	b.dark()
	b.until(ground + " !== '" + light + "'")
	if have := value[string](b, ground); have != "rgb(21, 25, 27)" {
		t.Errorf("ground: have %s", have)
	}
	b.press(".wrow", "getbooklistserver")
	b.text(".detail .place", "Against all")
	b.shot("dark")
	b.press("nav a", "Traces")
	b.text("#count", "31 traces")
	b.shot("dark-list")
}

func TestNarrow(t *testing.T) {
	_, b := showCall(t)
	b.size(360, 720)
	fits := func(what string) {
		t.Helper()
		wide := value[[]string](b, "[...document.querySelectorAll('body *')].filter(e => "+
			"e.getBoundingClientRect().right > 361 && e.checkVisibility() && "+
			"!e.closest('.graph, .table, .scroller') && e.tagName !== 'OPTION')"+
			".map(e => e.tagName + '.' + e.className).slice(0, 5)")
		if len(wide) > 0 {
			t.Errorf("%s: wider than the screen: %q", what, wide)
		}
	}
	for _, view := range []string{"", "traces/" + traceID, "traces/" + traceID + "?tab=stats",
		"traces/" + traceID + "?tab=flame", "dependency", "compare"} {
		b.visit("/zipkin/" + view)
		b.until("document.querySelector('main .view')")
		b.until("!document.querySelector('#count') || document.querySelector('#count').textContent")
		fits(view)
		b.shot("360-" + strings.NewReplacer("/", "-", "?", "-").Replace(view))
	}
	b.visit("/zipkin/traces/" + traceID)
	b.press(".wrow", "getbooklistserver")
	b.text(".detail h2", "getbooklist")
	fits("detail")
	b.shot("360-detail")
	b.press("#prune summary", "Prune")
	fits("prune")
}
