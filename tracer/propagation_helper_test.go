package tracer_test

import (
	"errors"
	"testing"

	"github.com/opentracing/opentracing-go"

	"bookservice/tracer"
)

const (
	trace128 = "463ac35c9f6413ad48485a3953bb6124"
	trace64  = "48485a3953bb6124"
	span1    = "a2fb4a1d1a96d312"
	parent1  = "0020000000000001"
)

// lines are the headers of a request, in order. A name may be repeated.
type lines [][2]string

func (l lines) ForeachKey(handler func(key, value string) error) error {
	for _, h := range l {
		if err := handler(h[0], h[1]); err != nil {
			return err
		}
	}
	return nil
}

// passOn acts as a service that receives the headers in and calls another service. It returns the
// headers of that call and the context of the service's own span.
func passOn(
	t testing.TB, tr opentracing.Tracer, in opentracing.TextMapReader,
) (out opentracing.TextMapCarrier, own tracer.SpanContext) {
	t.Helper()
	var opts []opentracing.StartSpanOption
	sc, err := tr.Extract(opentracing.HTTPHeaders, in)
	switch {
	case err == nil:
		opts = append(opts, opentracing.ChildOf(sc))
	case !errors.Is(err, opentracing.ErrSpanContextNotFound) &&
		!errors.Is(err, opentracing.ErrSpanContextCorrupted):
		t.Fatal(err)
	}
	span := tr.StartSpan("service", opts...)
	defer span.Finish()
	return inject(t, tr, span.Context()), span.Context().(tracer.SpanContext)
}

func inject(
	t testing.TB, tr opentracing.Tracer, sc opentracing.SpanContext,
) opentracing.TextMapCarrier {
	t.Helper()
	out := opentracing.TextMapCarrier{}
	if err := tr.Inject(sc, opentracing.HTTPHeaders, out); err != nil {
		t.Fatal(err)
	}
	return out
}

// extract extracts a context from headers that are well formed.
func extract(
	t testing.TB, tr opentracing.Tracer, in opentracing.TextMapReader,
) opentracing.SpanContext {
	t.Helper()
	sc, err := tr.Extract(opentracing.TextMap, in)
	if err != nil {
		t.Fatal(err)
	}
	return sc
}

// injecting sets the header formats that are sent.
func injecting(formats string) func(*tracer.Config) {
	return func(c *tracer.Config) { c.Propagation.Inject = formats }
}
