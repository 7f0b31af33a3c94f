package tracer_test

import (
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/opentracing/opentracing-go/log"
	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer"
)

func one(t *testing.T, m *tracer.Memory) model.SpanModel {
	t.Helper()
	spans := m.Spans()
	if len(spans) != 1 {
		t.Fatalf("have %d spans, want 1", len(spans))
	}
	return spans[0]
}

func TestTagsCountUntilFinish(t *testing.T) {
	tr, m := memory(t, func(c *tracer.Config) { c.Address = "127.0.0.1:50051" })
	s := tr.StartSpan("call", opentracing.Tag{Key: "n", Value: 1})
	ext.SpanKindRPCClient.Set(s)
	s.SetTag("peer.service", "books").SetTag("peer.address", &net.TCPAddr{IP: net.IPv4(10, 0, 0, 9), Port: 7})
	s.SetTag("n", 2).SetTag("error", true).SetTag("error", false)
	s.SetOperationName("renamed")
	s.Finish()
	have := one(t, m)
	if have.Kind != model.Client || have.Name != "renamed" || have.ParentID != nil {
		t.Errorf("have kind %q name %q parent %v", have.Kind, have.Name, have.ParentID)
	}
	if want := map[string]string{"n": "2"}; !cmp.Equal(have.Tags, want) {
		t.Errorf("have tags %v, want %v", have.Tags, want)
	}
	if e := have.RemoteEndpoint; e == nil || e.ServiceName != "books" || e.IPv4.String() != "10.0.0.9" || e.Port != 7 {
		t.Errorf("have remote endpoint %+v", e)
	}
	if e := have.LocalEndpoint; e.ServiceName != "bookserver" || e.IPv4.String() != "127.0.0.1" || e.Port != 50051 {
		t.Errorf("have local endpoint %+v", e)
	}
}

func TestErrorTakesTheMessageOfTheLoggedError(t *testing.T) {
	tr, m := memory(t, nil)
	s := tr.StartSpan("call")
	ext.LogError(s, errors.New("disk on fire"), log.Int("try", 2))
	s.Finish()
	have := one(t, m)
	if have.Tags["error"] != "disk on fire" {
		t.Errorf("have error %q", have.Tags["error"])
	}
	if len(have.Annotations) != 1 || have.Annotations[0].Value != "event=error error.object=disk on fire try=2" {
		t.Errorf("have annotations %v", have.Annotations)
	}
}

func TestFinishTwiceIsOneSpan(t *testing.T) {
	tr, m := memory(t, nil)
	s := tr.StartSpan("call")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			s.SetTag("k", "v").SetOperationName("late")
			s.LogKV("event", "late")
			s.Finish()
		})
	}
	wg.Wait()
	before := one(t, m)
	s.SetTag("k", "w").SetOperationName("later")
	if after := one(t, m); !cmp.Equal(before.Tags, after.Tags) || before.Name != after.Name {
		t.Errorf("have %v after Finish, want %v", after, before)
	}
}

func TestAFinishBeforeTheStartIsClamped(t *testing.T) {
	tr, m := memory(t, nil)
	start := time.Now()
	tr.StartSpan("call", opentracing.StartTime(start)).
		FinishWithOptions(opentracing.FinishOptions{FinishTime: start.Add(-time.Hour)})
	if have := one(t, m).Duration; have != time.Microsecond {
		t.Errorf("have duration %v, want 1µs", have)
	}
}

func TestAbsurdInputIsCut(t *testing.T) {
	tr, m := memory(t, nil)
	s := tr.StartSpan("a\xff", opentracing.StartTime(time.Time{}))
	s.SetTag("big", strings.Repeat("é", 1<<20)).SetTag("bad", "\xfe").SetTag("nil", nil)
	for i := range 10000 {
		s.SetTag(string(rune('a'+i%26))+strings.Repeat("x", i), i)
	}
	s.Finish()
	have := one(t, m)
	if n := len(have.Tags); n != 128 {
		t.Errorf("have %d tags, want 128", n)
	}
	if n := len(have.Tags["big"]); n != 4096 {
		t.Errorf("have a tag of %d bytes, want 4096", n)
	}
	if have.Name != "a\uFFFD" || have.Tags["bad"] != "\uFFFD" || have.Timestamp.Year() < 2000 {
		t.Errorf("have name %q, tag %q, start %v", have.Name, have.Tags["bad"], have.Timestamp)
	}
}

func TestReferences(t *testing.T) {
	tr, m := memory(t, nil)
	a, b := tr.StartSpan("a"), tr.StartSpan("b")
	foreign := opentracing.NoopTracer{}.StartSpan("x").Context()
	tr.StartSpan("child", opentracing.FollowsFrom(b.Context()), opentracing.ChildOf(foreign), opentracing.ChildOf(nil),
		opentracing.ChildOf(a.Context())).Finish()
	tr.StartSpan("follower", opentracing.FollowsFrom(b.Context())).Finish()
	spans := m.Spans()
	wantA, _ := tracer.TraceID(a.Context())
	wantB, _ := tracer.TraceID(b.Context())
	if have := spans[0].TraceID.String(); have != wantA {
		t.Errorf("child is in trace %s, want %s", have, wantA)
	}
	if have := spans[1]; have.TraceID.String() != wantB || have.Tags["opentracing.ref_type"] != "follows_from" {
		t.Errorf("follower is %v, want trace %s and a mark", have, wantB)
	}
}

func TestSamplingPriority(t *testing.T) {
	for name, test := range map[string]struct {
		share    float64
		priority any
		spans    int
		debug    bool
	}{
		"0 is off":   {1, uint16(0), 0, false},
		"1 is debug": {0, uint16(1), 1, true},
		"int":        {0, 1, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			tr, m := memory(t, func(c *tracer.Config) { c.Sample = test.share })
			s := tr.StartSpan("call", opentracing.Tag{Key: "sampling.priority", Value: test.priority})
			tr.StartSpan("below", opentracing.ChildOf(s.Context())).Finish()
			if spans := m.Spans(); len(spans) != test.spans || (test.spans > 0 && spans[0].Debug != test.debug) {
				t.Errorf("have %v, want %d with debug %v", spans, test.spans, test.debug)
			}
		})
	}
}

func TestSampleIsAShareOfTraces(t *testing.T) {
	tr, m := memory(t, func(c *tracer.Config) { c.Sample = 0.25 })
	for range 4000 {
		root := tr.StartSpan("root")
		tr.StartSpan("child", opentracing.ChildOf(root.Context())).Finish()
		root.Finish()
	}
	if n := len(m.Spans()); n%2 != 0 || n < 1600 || n > 2400 {
		t.Errorf("have %d of 8000 spans, want about 2000 and whole traces", n)
	}
}
