package tracertest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"

	"bookservice/tracer"
)

func checkSampling(t *testing.T, open Open) {
	for share, want := range map[float64]int{0: 0, 1: 2} {
		tr, received := open(t, func(c *tracer.Config) { c.Sample = share })
		root := tr.StartSpan("root")
		child := tr.StartSpan("child", opentracing.ChildOf(root.Context()))
		child.SetTag("k", "v").LogKV("event", "x")
		child.Finish()
		root.Finish()
		if have := len(received()); have != want {
			t.Errorf("share %v: have %d spans, want %d", share, have, want)
		}
	}
}

func checkPriority(t *testing.T, open Open) {
	for name, test := range map[string]struct {
		share    float64
		priority any
		want     int
	}{
		"0":       {1, uint16(0), 0},
		"1":       {0, uint16(1), 2},
		"int":     {0, 1, 2},
		"invalid": {1, "x", 2},
	} {
		t.Run(name, func(t *testing.T) {
			tr, received := open(t, func(c *tracer.Config) { c.Sample = test.share })
			root := tr.StartSpan("root",
				opentracing.Tag{Key: string(ext.SamplingPriority), Value: test.priority})
			tr.StartSpan("child", opentracing.ChildOf(root.Context())).Finish()
			root.Finish()
			if have := len(received()); have != test.want {
				t.Errorf("have %d spans, want %d", have, test.want)
			}
		})
	}
	t.Run("late", func(t *testing.T) {
		tr, received := open(t, nil)
		off := tr.StartSpan("off")
		ext.SamplingPriority.Set(off, 0)
		tr.StartSpan("child of off", opentracing.ChildOf(off.Context())).Finish()
		off.Finish()
		on := tr.StartSpan("on")
		ext.SamplingPriority.Set(on, 1)
		on.Finish()
		byName(t, received(), "on")
	})
}

func checkBaggage(t *testing.T, open Open) {
	for _, share := range []float64{0, 1} {
		tr, received := open(t, func(c *tracer.Config) { c.Sample = share })
		root := tr.StartSpan("root")
		before := tr.StartSpan("before", opentracing.ChildOf(root.Context()))
		root.SetBaggageItem("user", "ann").SetBaggageItem("user", "bob")
		root.SetBaggageItem("city", "köln, am rhein")
		headers := opentracing.TextMapCarrier{}
		if err := tr.Inject(root.Context(), opentracing.TextMap, headers); err != nil {
			t.Fatal(err)
		}
		sc, err := tr.Extract(opentracing.TextMap, headers)
		if err != nil {
			t.Fatal(err)
		}
		after := tr.StartSpan("after", opentracing.ChildOf(sc))
		for key, want := range map[string]string{
			"user": "bob", "city": "köln, am rhein", "none": "",
		} {
			if have := after.BaggageItem(key); have != want {
				t.Errorf("share %v: after Extract have %s=%q, want %q", share, key, have, want)
			}
			if have := before.BaggageItem(key); have != "" {
				t.Errorf("share %v: have %s=%q on an earlier child, want none", share, key, have)
			}
		}
		received()
	}
}

func checkAfterClose(t *testing.T, open Open) {
	tr, received := open(t, nil)
	late := tr.StartSpan("late")
	tr.StartSpan("in time").Finish()
	if have := one(t, received()); have.Name != "in time" {
		t.Errorf("have %q, want the span that finished before Close", have.Name)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		late.Finish()
		for range 20000 { // more than any queue holds
			tr.StartSpan("later").Finish()
		}
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("Finish blocks after Close")
	}
}

// checkConcurrency calls all methods concurrently, most of them on one span. Each span must arrive
// once.
func checkConcurrency(t *testing.T, open Open) {
	tr, received := open(t, nil)
	shared := tr.StartSpan("shared")
	var wg sync.WaitGroup
	names := []string{"shared"}
	for i := range 8 {
		names = append(names, fmt.Sprint("own ", i))
		wg.Go(func() {
			own := tr.StartSpan(fmt.Sprint("own ", i), opentracing.ChildOf(shared.Context()))
			for range 100 {
				shared.SetTag("k", i).SetBaggageItem("b", "v").LogKV("event", i)
				_ = tr.Inject(shared.Context(), opentracing.TextMap, opentracing.TextMapCarrier{})
			}
			shared.BaggageItem("b")
			own.Finish()
		})
	}
	wg.Wait()
	for range 8 {
		wg.Go(func() {
			shared.SetTag("k", "late").SetOperationName("shared").Finish()
			shared.SetTag("k", "later").SetBaggageItem("b", "w")
		})
	}
	wg.Wait()
	have := byName(t, received(), names...)
	for name, s := range have {
		if name != "shared" {
			isChild(t, s, have["shared"])
		}
	}
}
