package main

import (
	"testing"
	"time"

	"bookservice/tracer/tracertest/faults"
)

// TestOtherSendersArriveWithoutAFault checks that the collector accepts everything that the other
// senders send, in Zipkin's JSON and in OTLP.
func TestOtherSendersArriveWithoutAFault(t *testing.T) {
	for _, s := range []faults.Sender{zipkinGo(), openTelemetry()} {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			r, err := faults.Run(t.Context(), faults.Fault{Rate: 1000, Load: time.Second}, s)
			if want := (faults.Result{Finished: 1000, Arrived: 1000}); err != nil || r != want {
				t.Errorf("have %+v, %v, want 1000 spans arrived once", r, err)
			}
		})
	}
}
