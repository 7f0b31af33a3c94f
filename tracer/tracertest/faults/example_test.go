package faults_test

import (
	"context"
	"fmt"
	"time"

	"bookservice/tracer"
	"bookservice/tracer/tracertest/faults"
)

// A collector answers 500 for a while. The tracer keeps the spans and sends them again.
func ExampleRun() {
	for _, fault := range faults.All() {
		if fault.Name != "500 for 5 s" {
			continue
		}
		fault.Load, fault.Lasts = 200*time.Millisecond, 100*time.Millisecond
		ours := faults.Ours(time.Minute, tracer.WithLogger(nil))
		result, err := faults.Run(context.Background(), fault, ours)
		fmt.Println(result.Finished, "finished,", result.Lost(), "lost", err)
	}
	// Output:
	// 400 finished, 0 lost <nil>
}
