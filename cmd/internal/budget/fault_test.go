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
	callsARound = 1500
	callEvery   = time.Millisecond
)

// BenchmarkCallDuringFault compares the 99th percentile of a call's time while the collector goes wrong with that while all
// is well. Rounds of either kind take turns. Run it with -benchtime 5x or so: an iteration is a round of each, 3 s.
func BenchmarkCallDuringFault(b *testing.B) {
	all := faults.All()
	for _, f := range all[1:] {
		if f.Restart {
			continue // for the calls it is the same as a refused connection
		}
		f.Lasts = time.Hour
		b.Run(f.Name, func(b *testing.B) {
			var well, wrong []time.Duration
			for range b.N {
				well = append(well, round(b, all[0]))
				wrong = append(wrong, round(b, f))
			}
			b.ReportMetric(float64(median(wrong).Microseconds()), "p99-µs")
			b.ReportMetric(float64(median(wrong))/float64(median(well)), "p99/healthy")
			b.ReportMetric(0, "ns/op") // says nothing here
		})
	}
}

// round returns the 99th percentile of calls at a steady rate, all of them traced.
func round(b *testing.B, f faults.Fault) time.Duration {
	b.Helper()
	url, stop, err := f.Serve()
	if err != nil {
		b.Fatal(err)
	}
	defer stop()
	c := tracer.DefaultConfig()
	c.Backend, c.ServiceName, c.Zipkin.URL, c.FlushTimeout = "zipkin", "books", url+"/api/v2/spans", time.Millisecond
	tr, closer, err := tracer.Open(context.Background(), c, tracer.WithLogger(quiet))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = closer.Close() }() // it says that the spans are lost
	call := kitCall(func(testing.TB) opentracing.Tracer { return tr })(b)
	took := make([]time.Duration, 0, callsARound)
	for tick := time.Tick(callEvery); len(took) < callsARound; {
		<-tick
		start := time.Now()
		call()
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	return took[len(took)*99/100]
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}
