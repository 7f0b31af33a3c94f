package page_test

import (
	"testing"
	"time"
)

func TestListFillsItself(t *testing.T) {
	s := newServer(t)
	b := newTab(t, s.URL)
	b.visit("/zipkin/")
	b.text(".empty", "No traces yet")
	b.text(".pulse", "live")
	s.post(load(40, time.Second))
	b.text(".list-row", "bookcaller")
	b.text("#count", "40 traces")
	s.post(call("70000000000000000000000000000007", time.Now(), 2, true))
	b.text("#count", "41 traces")
	first := value[string](b, "document.querySelector('[aria-posinset=\"1\"] a').getAttribute('href')")
	if want := "/zipkin/traces/70000000000000000000000000000007"; first != want {
		t.Errorf("first row: have %s, want %s", first, want)
	}
	b.shot("list")
}
