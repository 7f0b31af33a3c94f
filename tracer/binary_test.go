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

// A binary carrier keeps all of a context, and what follows it in the stream is left to be read.
func TestBinaryInAStream(t *testing.T) {
	tr, _ := memory(t, nil)
	in := lines{{"traceparent", w3cParent}, {"tracestate", "foo=1"}, {"baggage", "k=v;p"}, {"x-b3-flags", "1"}}
	sc, err := tr.Extract(opentracing.TextMap, in)
	if err != nil {
		t.Fatal(err)
	}
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
			t.Errorf("have %q behind the context", rest)
		}
	}
	for n := 1; n < len(whole)/2-len("payload"); n++ {
		if sc, err := tr.Extract(opentracing.Binary, bytes.NewReader(whole[:n])); sc != nil || !errors.Is(err, opentracing.ErrSpanContextCorrupted) {
			t.Fatalf("cut to %d bytes: have %v and %v, want it corrupted", n, sc, err)
		}
	}
}

// zeros is a reader without an end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestBinaryErrors(t *testing.T) {
	failed := errors.New("no paper")
	for name, test := range map[string]struct {
		in   io.Reader
		want error
	}{
		"nothing":             {bytes.NewReader(nil), opentracing.ErrSpanContextNotFound},
		"no headers":          {bytes.NewReader(make([]byte, 4)), opentracing.ErrSpanContextNotFound},
		"other headers":       {bytes.NewReader([]byte("\x00\x00\x00\x04\x01k\x01v")), opentracing.ErrSpanContextNotFound},
		"too long":            {bytes.NewReader([]byte("\x7f\xff\xff\xff")), opentracing.ErrSpanContextCorrupted},
		"longer than allowed": {io.MultiReader(bytes.NewReader([]byte{0, 2, 0, 1}), zeros{}), opentracing.ErrSpanContextCorrupted},
		"key too long":        {bytes.NewReader([]byte("\x00\x00\x00\x02\x05k")), opentracing.ErrSpanContextCorrupted},
		"key alone":           {bytes.NewReader([]byte("\x00\x00\x00\x02\x01k")), opentracing.ErrSpanContextCorrupted},
		"reader fails":        {iotest.ErrReader(failed), opentracing.ErrSpanContextCorrupted},
		"malformed b3":        {bytes.NewReader([]byte("\x00\x00\x00\x05\x02b3\x01x")), opentracing.ErrSpanContextCorrupted},
		"fails later on":      {io.MultiReader(bytes.NewReader([]byte("\x00\x00\x00\x05")), iotest.ErrReader(failed)), opentracing.ErrSpanContextCorrupted},
	} {
		t.Run(name, func(t *testing.T) {
			tr, _ := memory(t, nil)
			sc, err := tr.Extract(opentracing.Binary, test.in)
			if sc != nil || !errors.Is(err, test.want) {
				t.Errorf("have %v and %v, want %v", sc, err, test.want)
			}
			if have, want := tracer.Malformed(tr), errors.Is(test.want, opentracing.ErrSpanContextCorrupted); (have == 1) != want {
				t.Errorf("have %d counted as malformed", have)
			}
		})
	}
}

// An error of the writer is the caller's to know.
func TestBinaryWriterFails(t *testing.T) {
	tr, _ := memory(t, nil)
	r, w := io.Pipe()
	r.Close()
	if err := tr.Inject(tr.StartSpan("x").Context(), opentracing.Binary, w); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("have %v", err)
	}
}
