package tracer_test

import (
	"strconv"
	"testing"
)

func TestMemoryKeepsTheNewest(t *testing.T) {
	tr, m := memory(t, nil)
	for i := range 10003 {
		tr.StartSpan(strconv.Itoa(i)).Finish()
	}
	spans := m.Spans()
	if len(spans) != 10000 || spans[0].Name != "3" || spans[9999].Name != "10002" {
		t.Errorf("have %d spans from %s to %s, want 10000 from 3 to 10002", len(spans), spans[0].Name, spans[len(spans)-1].Name)
	}
}
