package tracepage_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"bookservice/tracer/collector"
	"bookservice/tracer/collector/page"
)

// firstRow is an expression for the address of the list's first trace.
const firstRow = "(document.querySelector('[aria-posinset=\"1\"] a')||{getAttribute(){}})" +
	".getAttribute('href')"

func TestListFillsItselfNewestFirst(t *testing.T) {
	s := newServer(t)
	b := newTab(t, s.URL)
	b.visit("/zipkin/")
	b.text(".empty", "No traces yet")
	b.text(".empty", s.URL+"/api/v2/spans")
	b.text(".pulse", "live")
	s.post(load(40, time.Second))
	b.text("#count", "40 traces")
	b.gone(".empty", "No traces yet")
	s.post(call(traceID, time.Now(), 2, true))
	b.text("#count", "41 traces")
	b.until(firstRow + "==='/zipkin/traces/" + traceID + "'")
	b.text("[aria-posinset='1']", "1 error")
	b.text("[aria-posinset='1']", "18.0 ms")
	b.text("[aria-posinset='1']", "bookserver 4")
	// A trace that grows stays one row.
	m := newMaker(traceID, time.Now())
	m.next = 100
	m.add("0000000000000001", "", "bookclient", "afterwards", 0, 500)
	s.post(m.spans)
	b.text("[aria-posinset='1']", "8 spans")
	b.text("#count", "41 traces")
	b.shot("list")
}

func TestListPausesAndClears(t *testing.T) {
	s := newServer(t)
	b := newTab(t, s.URL)
	b.visit("/zipkin/")
	b.text(".pulse", "live")
	s.post(load(3, time.Second))
	b.text("#count", "3 traces")
	b.press("#pause", "Pause")
	s.post(call(traceID, time.Now(), 2, true))
	b.text("#pause", "Resume (1 new)")
	b.text(".pulse", "paused, 1 new")
	b.text("#count", "3 traces")
	b.press("#pause", "Resume")
	b.text("#count", "4 traces")
	b.press("#clear", "Clear")
	b.text(".empty", "No traces yet")
	s.post(call(traceID, time.Now(), 2, true))
	b.text("#count", "1 trace")
}

// What the reader points at, has scrolled to or has focused stays in its place.
func TestListHoldsStillUnderThePointer(t *testing.T) {
	s := newServer(t)
	s.post(load(60, time.Second))
	b := newTab(t, s.URL)
	b.visit("/zipkin/")
	b.text("#count", "60 traces")
	b.text(".pulse", "live")
	under := "document.elementFromPoint(300, 400).closest('a').getAttribute('href')"
	b.do(moveTo(300, 400))
	before := value[string](b, under)
	arrive := func(n int, last string) {
		t.Helper()
		s.post(call(traceID[:31]+last, time.Now(), 2, false))
		b.text("#count", fmt.Sprintf("%d traces", n))
	}
	arrive(61, "1")
	if have := value[string](b, under); have != before {
		t.Errorf("under the pointer: have %s, want %s", have, before)
	}
	b.do(moveTo(300, 20))
	b.until("document.querySelector('.scroller').scrollTop === 0")
	if have := value[string](b, under); have == before {
		t.Error("the list does not return to its newest trace")
	}
	b.key("jjj")
	focused := "document.activeElement.getAttribute('href')"
	before = value[string](b, focused)
	arrive(62, "2")
	if have := value[string](b, focused); have != before {
		t.Errorf("focus: have %s, want %s", have, before)
	}
}

func TestBackReturnsToThePlaceInTheList(t *testing.T) {
	s := newServer(t)
	s.post(load(150, time.Second))
	b := newTab(t, s.URL)
	b.visit("/zipkin/")
	b.text("#count", "150 traces")
	place := "document.querySelector('.list .scroller').scrollTop"
	value[any](b, place+" = 1510")
	b.until("document.elementFromPoint(300, 400).closest('a')")
	b.do(clickAt([]float64{300, 400}))
	b.text(".title", "7 spans")
	value[any](b, "history.back()")
	b.until("document.querySelector('.list .scroller') && " + place + " === 1510")
}

func TestListFilters(t *testing.T) {
	s := newServer(t)
	s.post(load(18, time.Second)) // two with errors
	m := newMaker(traceID, time.Now())
	m.add("", "SERVER", "shop", "checkout", 0, 2_500_000)
	m.last().Tags = map[string]string{"customer.tier": "gold", "note": "Find the Needle here"}
	s.post(m.spans)
	b := newTab(t, s.URL)
	b.visit("/zipkin/")
	b.text("#count", "19 traces")

	b.press(".tools button", "Errors")
	b.text(".chip", "errors")
	b.text("#count", "2 traces")
	b.press(".chip", "errors")
	b.text("#count", "19 traces")

	for _, test := range []struct{ field, text, chip string }{
		{"Slower than", "1.5s", "slower than 1.50 s"},
		{"Tag", "customer.tier=gold", "tag: customer.tier=gold"},
		{"Text", "needle", "text: needle"},
	} {
		b.enter("input[aria-label='"+test.field+"']", test.text+"\r")
		b.text(".chip", test.chip)
		b.text("#count", "1 trace")
		b.until(firstRow + "==='/zipkin/traces/" + traceID + "'")
		// The address has the filter: it holds in a tab of its own, and back removes it.
		address := value[string](b, "location.href")
		b.visit(address)
		b.text(".chip", test.chip)
		b.text("#count", "1 trace")
		value[any](b, "history.back()")
		b.text("#count", "19 traces")
	}

	choose := func(label, name string) {
		b.until(fmt.Sprintf("[...document.querySelector('select[aria-label=%s]').options]"+
			".some(o => o.value === '%s')", label, name))
		value[any](b, fmt.Sprintf("(s => { s.value = '%s'; s.dispatchEvent(new Event('change')); "+
			"return 1 })(document.querySelector('select[aria-label=%s]'))", name, label))
	}
	choose("Service", "shop")
	b.text(".chip", "service: shop")
	b.text("#count", "1 trace")
	choose("Operation", "checkout")
	b.text(".chip", "operation: checkout")
	b.text("#count", "1 trace")
	b.shot("filters")

	// What arrives is filtered too, by what a summary says and by what only the collector knows.
	s.post(call(traceID[:31]+"8", time.Now(), 2, false))
	m.trace, m.spans = traceID[:31]+"7", nil
	m.add("", "SERVER", "shop", "checkout", 1000, 2000)
	s.post(m.spans)
	b.text("#count", "2 traces")
	b.enter("input[aria-label='Slower than']", "never\r")
	b.text("#problem", "must be a duration such as 100ms")
}

func TestScatterOpensATrace(t *testing.T) {
	s := newServer(t)
	s.post(call(traceID, time.Now(), 2, false))
	b := newTab(t, s.URL)
	b.visit("/zipkin/")
	b.text("#count", "1 trace")
	b.until("document.querySelector('.scatter canvas').ariaLabel.includes('18.0 ms')")
	// The middle of what is drawn in the colour of points.
	point := value[[]float64](b, `(c => {
		const r = c.getBoundingClientRect();
		const d = devicePixelRatio;
		const p = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
		let [x, y, n] = [0, 0, 0];
		for (let row = 20 * d; row < c.height - 20 * d; row++) {
			for (let column = 60 * d; column < c.width; column++) {
				const i = (row * c.width + column) * 4;
				if (p[i + 3] > 120 && p[i + 2] > p[i]) [x, y, n] = [x + column, y + row, n + 1];
			}
		}
		return [r.x + x / n / d, r.y + y / n / d];
	})(document.querySelector('.scatter canvas'))`)
	b.do(clickAt(point))
	b.text(".title", "7 spans")
}

func TestListLoadsOlderTraces(t *testing.T) {
	s := newServer(t)
	s.post(load(1200, time.Millisecond)) // the list asks for 200 at a time
	b := newTab(t, s.URL)
	b.visit("/zipkin/")
	b.text("#count", "200 traces and older")
	b.until("(e => { e.scrollTop = e.scrollHeight; " +
		"return document.querySelector('#count').textContent === '1,200 traces' })" +
		"(document.querySelector('.scroller'))")
	if n := value[int](b, "document.querySelectorAll('*').length"); n > 1000 {
		t.Errorf("elements: have %d, want at most 1000", n)
	}
}

func TestLossesAreTold(t *testing.T) {
	s := newServer(t)
	b := newTab(t, s.URL)
	b.visit("/zipkin/")
	b.text(".pulse", "live")
	since := time.Now().Add(-time.Hour)
	s.post(call(traceID, time.Now(), 2, false), collector.LossesHeader, fmt.Sprintf(
		"service=bookclient;instance=5f2c;since=%d;queue%%20full=37", since.UnixMicro()))
	b.text("#losses", "bookclient lost 37 spans since "+since.Format("15:04")+": queue full")
	b.visit("/zipkin/traces/" + traceID)
	b.text("#losses", "bookclient lost 37 spans")
}

// A proxy answers in place of a collector that fails for a while.
func TestErrorsAreTold(t *testing.T) {
	s := newServer(t)
	fails := make(chan bool, 1)
	fails <- true
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := <-fails
		fails <- now
		if now && strings.Contains(r.URL.Path, "/api/") {
			http.Error(w, "the store is on fire", http.StatusServiceUnavailable)
			return
		}
		s.collector.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	t.Cleanup(proxy.CloseClientConnections)
	b := newTab(t, proxy.URL)
	b.visit("/zipkin/")
	b.text("#problem", "The store is on fire")
	b.text(".empty", "The collector does not answer")
	b.text(".pulse", "collector lost, retrying")
	b.shot("error")
	s.post(call(traceID, time.Now(), 2, false))
	<-fails
	fails <- false
	b.text(".pulse", "live")
	b.text("#count", "1 trace") // by itself
	b.visit("/zipkin/traces/" + strings.Repeat("e", 32))
	b.text(".empty", "No such trace")
	b.enter(".idbox input", "not an id\r")
	b.text("#problem", "1 to 32 hexadecimal digits")
	b.enter(".idbox input", traceID+"\r")
	b.text(".title", "7 spans")
}

func TestPolicyIsTheContracts(t *testing.T) {
	s := newServer(t)
	response, err := s.Client().Get(s.URL + "/zipkin/")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if have := response.Header.Get("Content-Security-Policy"); have != page.Policy {
		t.Errorf("have %q, want %q", have, page.Policy)
	}
	if !slices.Contains(strings.Split(page.Policy, "; "), "script-src 'self'") {
		t.Error("scripts of other origins are allowed")
	}
}

// The collector's rarer events, in place of which the proxy writes its own.
func TestGapsAndEvictions(t *testing.T) {
	s := newServer(t)
	s.post(load(3, time.Second))
	events := make(chan string)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/events") {
			s.collector.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for {
			_ = http.NewResponseController(w).Flush()
			select {
			case event := <-events:
				fmt.Fprint(w, event)
			case <-r.Context().Done():
				return
			}
		}
	}))
	t.Cleanup(proxy.Close)
	t.Cleanup(proxy.CloseClientConnections)
	b := newTab(t, proxy.URL)
	b.visit("/zipkin/")
	b.text("#count", "3 traces")
	b.text(".pulse", "live")
	s.post(call(traceID, time.Now(), 2, false))
	events <- "event: gap\ndata: {}\n\n"
	b.text("#count", "4 traces")
	events <- "event: evicted\ndata: {\"traceIds\":[\"" + traceID + "\"]}\n\n"
	b.text("#count", "3 traces")
	events <- "event: summary\ndata: not JSON\n\n"
	events <- "event: losses\ndata: {\"senders\":[],\"collector\":{\"evictedTraces\":2," +
		"\"evictedSpans\":9,\"refused\":[]}}\n\n"
	b.text("#losses", "The collector evicted")
	events <- "event: cleared\ndata: {}\n\n"
	b.text(".empty", "No traces yet")
}
