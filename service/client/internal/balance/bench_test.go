package balance

import (
	"fmt"
	"testing"
	"time"
)

// filled returns a balancer with n endpoints that are up and have had calls.
func filled(c Config, n int) *Balancer {
	if c.Picker == "" {
		c.Picker = P2C
	}
	b := New(c)
	for i := range n {
		a := Attributes{Weight: float64(1 + i%3), Zone: string(rune('a' + i%3))}
		e := b.Add(0, fmt.Sprintf("10.0.%d.%d:1", i/250, i%250), nil, a)
		b.SetState(0, e, Up)
		e.Begin(0)
		e.End(0, time.Millisecond+time.Duration(i%7)*time.Microsecond, Success)
	}
	return b
}

// BenchmarkPick measures a pick without the two readings of the clock that a call needs anyway. All
// endpoints are after their ramp.
func BenchmarkPick(b *testing.B) {
	for _, name := range Names() {
		for _, n := range []int{3, 100, 1000} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				benchmarkPick(b, Config{Picker: name}, n)
			})
		}
	}
	b.Run("zones/100", func(b *testing.B) { benchmarkPick(b, Config{Zone: "a"}, 100) })
}

func benchmarkPick(b *testing.B, c Config, n int) {
	balancer := filled(c, n)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		now := ramp
		for pb.Next() {
			if balancer.Pick(now, nil) == nil {
				b.Error("no endpoint")
			}
			now += 10
		}
	})
}

// BenchmarkAttempt measures all that an attempt of a call needs: the clock, a pick and the
// statistics.
func BenchmarkAttempt(b *testing.B) {
	balancer := filled(Config{}, 3)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			start := balancer.Now()
			e := balancer.Pick(start, nil)
			e.Begin(start)
			end := balancer.Now()
			e.End(end, end-start, Success)
		}
	})
}
