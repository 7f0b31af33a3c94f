package tracer_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"

	"bookservice/tracer"
)

// TestWriteTree writes two traces and a span whose parent is not in the Memory.
func TestWriteTree(t *testing.T) {
	tr, spans := memory(t, nil)
	start := time.Unix(1700000000, 0)
	add := func(at time.Duration, name, kind string, parent opentracing.Span) opentracing.Span {
		opts := []opentracing.StartSpanOption{
			opentracing.StartTime(start.Add(at)), opentracing.Tag{Key: "span.kind", Value: kind},
		}
		if parent != nil {
			opts = append(opts, opentracing.ChildOf(parent.Context()))
		}
		return tr.StartSpan(name, opts...)
	}
	finish := func(s opentracing.Span, at time.Duration) {
		s.FinishWithOptions(opentracing.FinishOptions{FinishTime: start.Add(at)})
	}
	const ms = time.Millisecond
	second := add(10*ms, "second", "", nil)
	first := add(0, "first", "client", nil)
	server := add(1*ms, "server", "server", first)
	late := add(3*ms, "late", "producer", server)
	early := add(2*ms, "early", "", server)
	deep := add(2*ms, "deep", "", early)
	last := add(4*ms, "last", "", first)
	orphan := add(5*ms, "orphan", "", add(5*ms, "never finished", "", nil))
	for _, s := range []opentracing.Span{deep, early, late, server, last, first, second, orphan} {
		finish(s, 20*ms+1600) // rounded to microseconds
	}
	const want = `first CLIENT bookserver 20.002ms
├─ server SERVER bookserver 19.002ms
│  ├─ early bookserver 18.002ms
│  │  └─ deep bookserver 18.002ms
│  └─ late PRODUCER bookserver 17.002ms
└─ last bookserver 16.002ms
orphan bookserver 15.002ms
second bookserver 10.002ms
`
	var have strings.Builder
	if err := spans.WriteTree(&have); err != nil || have.String() != want {
		t.Errorf("have %v\n%swant\n%s", err, have.String(), want)
	}
}

// TestWriteTreeEscapesNames writes names that would control a terminal.
func TestWriteTreeEscapesNames(t *testing.T) {
	tr, spans := memory(t, nil)
	for _, name := range []string{"GET /书", "a\x1b]0;title\a", "b\u009b2J\x7f", "c\u202ed\nroot"} {
		tr.StartSpan(name).Finish()
	}
	var have strings.Builder
	if err := spans.WriteTree(&have); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"GET /书 bookserver ", `a\x1b]0;title\a bookserver `, `b\u009b2J\x7f bookserver `,
		`c\u202ed\nroot bookserver `,
	} {
		if !strings.Contains("\n"+have.String(), "\n"+want) {
			t.Errorf("have no line with %s in\n%q", want, have.String())
		}
	}
}

// failingWriter is a writer whose Write fails.
type failingWriter struct{ err error }

func (f failingWriter) Write([]byte) (int, error) { return 0, f.err }

// TestWriteTreeReturnsErrors writes to a writer that fails.
func TestWriteTreeReturnsErrors(t *testing.T) {
	full := errors.New("disk full")
	if err := (&tracer.Memory{}).WriteTree(failingWriter{full}); !errors.Is(err, full) {
		t.Errorf("have %v, want %v", err, full)
	}
}
