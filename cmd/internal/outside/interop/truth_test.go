package interop_test

import (
	"context"
	"errors"
	"testing"

	"bookservice/service"

	"github.com/google/go-cmp/cmp"
	"github.com/openzipkin/zipkin-go/model"
	"go.opentelemetry.io/otel/baggage"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// TestWhatIsNotSampledStaysSo has the caller decide against a trace: the server must not record it either.
func TestWhatIsNotSampledStaysSo(t *testing.T) {
	never := func(t *testing.T, c collector, name string) party {
		return openOTel(t, c, name, sdktrace.WithSampler(sdktrace.NeverSample()))
	}
	otel := func(t *testing.T, c collector, name string) party { return openOTel(t, c, name) }
	for name, test := range map[string]struct{ client, server open }{
		"OpenTelemetry to ours": {never, openOurs()},
		"ours to OpenTelemetry": {openOurs("-sample", "0"), otel},
	} {
		t.Run(name, func(t *testing.T) {
			c := startOTLP(t)
			call(t, test.client(t, c, "caller"), test.server(t, c, "books"))
			if have := c.all(); len(have) != 0 {
				t.Errorf("have %+v, want nothing", have)
			}
		})
	}
}

// TestErrorsOfTheServersFault has clients of both kinds ask a server of each kind, and looks at whose spans say that they
// failed. A book that is not there is the client's error to OpenTelemetry, and an answer to ours.
func TestErrorsOfTheServersFault(t *testing.T) {
	for name, test := range map[string]struct {
		err                     error
		ours, otel, inOurServer bool // failed: our client's span, OpenTelemetry's client's, and our server's
	}{
		"not found": {err: service.ErrNotFound, otel: true},
		"fault":     {err: errors.New("disk on fire"), ours: true, otel: true, inOurServer: true},
	} {
		t.Run(name, func(t *testing.T) {
			c := startOTLP(t)
			books, ours, otel := openOurs()(t, c, "books"), openOurs()(t, c, "ours"), openOTel(t, c, "otel")
			addr, stop := serve(t, books, func(context.Context, int32) (string, error) { return "", test.err })
			for _, client := range []party{ours, otel} {
				if _, err := client.client(t, addr)(t.Context(), 1); err == nil {
					t.Error("have no error")
				}
			}
			stop()
			closeAll(t, ours, otel, books)
			failed := map[string][]bool{}
			for _, s := range c.all() {
				failed[s.service] = append(failed[s.service], s.failed)
			}
			want := map[string][]bool{"ours": {test.ours}, "otel": {test.otel}, "books": {test.inOurServer, test.inOurServer}}
			if diff := cmp.Diff(want, failed); diff != "" {
				t.Errorf("-want +have\n%s", diff)
			}
		})
	}
}

// TestAServerThatSharesItsClientsSpan joins ours: one id on both sides, below the same parent.
func TestAServerThatSharesItsClientsSpan(t *testing.T) {
	c := startOTLP(t)
	id := call(t, openOurs()(t, c, "caller"), openZipkinParty(t, c, "books"))
	byKind := map[model.Kind]span{}
	for _, s := range c.trace(t, id, 3) {
		byKind[s.kind] = s
	}
	root, client, server := byKind[model.Undetermined], byKind[model.Client], byKind[model.Server]
	if client.id != server.id || client.parent != root.id || server.parent != root.id || len(byKind) != 3 {
		t.Errorf("have %+v, want client and server to be the same span below the root", byKind)
	}
}

// TestTracestateAndBaggagePassThrough sends both from OpenTelemetry through ours to OpenTelemetry.
func TestTracestateAndBaggagePassThrough(t *testing.T) {
	c := startOTLP(t)
	first, ours, last := openOTel(t, c, "first"), openOurs()(t, c, "ours"), openOTel(t, c, "last")
	var got string
	inner, stopInner := serve(t, last, func(ctx context.Context, id int32) (string, error) {
		got = baggage.FromContext(ctx).String()
		return found(ctx, id)
	})
	outer, stopOuter := serve(t, ours, ours.client(t, inner))

	state, err := trace.ParseTraceState("vendor=opaque,other=1")
	if err != nil {
		t.Fatal(err)
	}
	above := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2},
		TraceFlags: trace.FlagsSampled, TraceState: state, Remote: true})
	bag, err := baggage.Parse("user=%C3%BC")
	if err != nil {
		t.Fatal(err)
	}
	ctx := baggage.ContextWithBaggage(trace.ContextWithRemoteSpanContext(t.Context(), above), bag)
	if _, err := first.client(t, outer)(ctx, 1); err != nil {
		t.Fatal(err)
	}
	stopOuter()
	stopInner()
	closeAll(t, first, ours, last)
	have := c.trace(t, above.TraceID().String(), 4)
	if len(have) != 4 {
		t.Errorf("have %d spans, want 4: %+v", len(have), have)
	}
	for _, s := range have {
		if s.state != "vendor=opaque,other=1" {
			t.Errorf("%s %s: have tracestate %q", s.service, s.kind, s.state)
		}
	}
	if got != "user=%C3%BC" {
		t.Errorf("have baggage %q at the end", got)
	}
}
