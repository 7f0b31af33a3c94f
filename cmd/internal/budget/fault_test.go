package budget_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"

	"bookservice/tracer"
	"bookservice/tracer/tracertest/faults"
)

const (
	callsPerRound = 1500
	callInterval  = time.Millisecond
)

// BenchmarkCallDuringFault reports the 99th percentile of a call's duration during each fault of
// the collector, in µs and relative to that without a fault. An iteration is a round without the
// fault and a round with it, 3 s together: run it with -benchtime 5x or so.
func BenchmarkCallDuringFault(b *testing.B) {
	all := faults.All()
	for _, f := range all[1:] {
		if f.Restart {
			continue // for a call the same as a refused connection
		}
		f.Lasts = time.Hour
		b.Run(f.Name, func(b *testing.B) {
			var healthy, failing []time.Duration
			for range b.N {
				healthy = append(healthy, round(b, all[0]))
				failing = append(failing, round(b, f))
			}
			b.ReportMetric(float64(median(failing).Microseconds()), "p99-µs")
			b.ReportMetric(float64(median(failing))/float64(median(healthy)), "p99/healthy")
			b.ReportMetric(0, "ns/op") // hides the duration of a round
		})
	}
}

// round returns the 99th percentile of the duration of traced calls at a constant rate.
func round(b *testing.B, f faults.Fault) time.Duration {
	b.Helper()
	url, stop, err := f.Serve()
	if err != nil {
		b.Fatal(err)
	}
	defer stop()
	c := tracer.DefaultConfig()
	c.Backend, c.ServiceName = "zipkin", "books"
	c.Zipkin.URL, c.FlushTimeout = url+"/api/v2/spans", time.Millisecond
	tr, closer, err := tracer.Open(context.Background(), c, tracer.WithLogger(quiet))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = closer.Close() }() // returns an error: spans are lost
	call := kitCall(func(testing.TB) opentracing.Tracer { return tr })(b)
	durations := make([]time.Duration, 0, callsPerRound)
	for tick := time.Tick(callInterval); len(durations) < callsPerRound; {
		<-tick
		start := time.Now()
		call()
		durations = append(durations, time.Since(start))
	}
	slices.Sort(durations)
	return durations[len(durations)*99/100]
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}
