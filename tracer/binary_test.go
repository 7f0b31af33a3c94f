package tracer_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/opentracing/opentracing-go"

	"bookservice/tracer"
)

// TestBinaryCarrierInAStream injects contexts into a stream between other data. Extract must read
// the whole context and nothing that follows.
func TestBinaryCarrierInAStream(t *testing.T) {
	tr, _ := memory(t, nil)
	sc := extract(t, tr, lines{
		{"traceparent", w3cParent}, {"tracestate", "foo=1"}, {"baggage", "k=v;p"},
		{"x-b3-flags", "1"},
	})
	var stream bytes.Buffer
	for range 2 {
		if err := tr.Inject(sc, opentracing.Binary, &stream); err != nil {
			t.Fatal(err)
		}
		stream.WriteString("payload")
	}
	whole := bytes.Clone(stream.Bytes())
	for range 2 {
		again, err := tr.Extract(opentracing.Binary, iotest.OneByteReader(&stream))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(inject(t, tr, sc), inject(t, tr, again)); diff != "" {
			t.Errorf("-injected +extracted\n%s", diff)
		}
		if rest := string(stream.Next(len("payload"))); rest != "payload" {
			t.Errorf("have %q after the context, want the payload", rest)
		}
	}
	for n := 1; n < len(whole)/2-len("payload"); n++ {
		sc, err := tr.Extract(opentracing.Binary, bytes.NewReader(whole[:n]))
		if sc != nil || !errors.Is(err, opentracing.ErrSpanContextCorrupted) {
			t.Fatalf("first %d bytes: have %v and %v, want it corrupted", n, sc, err)
		}
	}
}

// zeros is an endless reader.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestBinaryErrors extracts from carriers that are empty, malformed, too long or fail.
func TestBinaryErrors(t *testing.T) {
	failing := iotest.ErrReader(errors.New("no paper"))
	none, corrupted := opentracing.ErrSpanContextNotFound, opentracing.ErrSpanContextCorrupted
	of := func(s string) io.Reader { return bytes.NewReader([]byte(s)) }
	for name, test := range map[string]struct {
		in   io.Reader
		want error
	}{
		"empty":           {of(""), none},
		"no headers":      {of("\x00\x00\x00\x00"), none},
		"other headers":   {of("\x00\x00\x00\x04\x01k\x01v"), none},
		"longest allowed": {io.MultiReader(of("\x00\x02\x00\x00"), zeros{}), none},
		"too long":        {io.MultiReader(of("\x00\x02\x00\x01"), zeros{}), corrupted},
		"much too long":   {of("\x7f\xff\xff\xff"), corrupted},
		"long key":        {of("\x00\x00\x00\x02\x05k"), corrupted},
		"key alone":       {of("\x00\x00\x00\x02\x01k"), corrupted},
		"endless length":  {of("\x00\x00\x00\x02\xff\xff"), corrupted},
		"fails":           {failing, corrupted},
		"malformed b3":    {of("\x00\x00\x00\x05\x02b3\x01x"), corrupted},
		"fails later":     {io.MultiReader(of("\x00\x00\x00\x05"), failing), corrupted},
		"ends too early":  {of("\x00\x00\x00\x05"), corrupted},
		"half a length":   {of("\x00\x00"), corrupted},
	} {
		t.Run(name, func(t *testing.T) {
			tr, _ := memory(t, nil)
			sc, err := tr.Extract(opentracing.Binary, test.in)
			if sc != nil || !errors.Is(err, test.want) {
				t.Errorf("have %v and %v, want %v", sc, err, test.want)
			}
			have, want := tracer.Malformed(tr), errors.Is(test.want, corrupted)
			if (have == 1) != want {
				t.Errorf("have %d counted as malformed, want one: %v", have, want)
			}
		})
	}
}

// TestInjectReturnsTheErrorOfTheWriter injects into a closed pipe.
func TestInjectReturnsTheErrorOfTheWriter(t *testing.T) {
	tr, _ := memory(t, nil)
	r, w := io.Pipe()
	r.Close()
	err := tr.Inject(tr.StartSpan("x").Context(), opentracing.Binary, w)
	if !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("have %v, want %v", err, io.ErrClosedPipe)
	}
}

// countingWriter counts the calls of Write.
type countingWriter int

func (c *countingWriter) Write(p []byte) (int, error) {
	*c++
	return len(p), nil
}

// TestBinaryCarrierIsWrittenAtOnce checks that Inject writes the context with one call, and nothing
// for an invalid context.
func TestBinaryCarrierIsWrittenAtOnce(t *testing.T) {
	tr, _ := memory(t, nil)
	var w countingWriter
	if err := tr.Inject(tr.StartSpan("x").Context(), opentracing.Binary, &w); err != nil || w != 1 {
		t.Errorf("have %v and %d calls of Write, want 1", err, w)
	}
	err := tr.Inject(nil, opentracing.Binary, &w)
	if !errors.Is(err, opentracing.ErrInvalidSpanContext) || w != 1 {
		t.Errorf("have %v and %d calls of Write, want none more", err, w)
	}
}
