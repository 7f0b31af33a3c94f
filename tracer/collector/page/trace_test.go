package page_test

import (
	"testing"
	"time"
)

const traceID = "4bf92f3577b34da6a3ce929d0e0e4736"

func TestWaterfallAndDetail(t *testing.T) {
	s := newServer(t)
	s.post(append(load(30, time.Second), call(traceID, time.Now(), 3, true)...))
	b := newTab(t, s.URL)
	b.visit("/zipkin/traces/" + traceID)
	b.text(".wrow", "bookcaller")
	b.text(".title", "7 spans")
	b.press(".wrow", "getbooklist")
	b.text(".detail h2", "getbooklist")
	b.press(".wrow", "! error")
	b.text(".detail dd.error", "Unavailable: the database does not answer")
	b.text(".detail .place", "Against all")
	b.shot("trace")
}
