package interop_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openzipkin/zipkin-go/model"
	"go.opentelemetry.io/otel/baggage"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"bookservice/service"
)

// TestNotSampled checks that the server records no span if the caller has decided not to sample.
func TestNotSampled(t *testing.T) {
	never := func(t *testing.T, c collector, service string) party {
		return openOTelWith(t, c, service, sdktrace.WithSampler(sdktrace.NeverSample()))
	}
	for name, test := range map[string]struct{ client, server openFunc }{
		"OpenTelemetry to ours": {never, openOurs()},
		"ours to OpenTelemetry": {openOurs("-sample", "0"), openOTel},
	} {
		t.Run(name, func(t *testing.T) {
			c := startOTLP(t)
			call(t, test.client(t, c, "caller"), test.server(t, c, "books"))
			if have := c.all(); len(have) != 0 {
				t.Errorf("have %+v, want no span", have)
			}
		})
	}
}

// TestErrors calls our server from clients of both kinds and checks which spans have an error. If
// the book is not found, only OpenTelemetry's client reports an error; for us it is an answer.
func TestErrors(t *testing.T) {
	for name, test := range map[string]struct {
		err                error
		ours, otel, server bool // which spans fail: of the two clients, and of the server
	}{
		"not found": {err: service.ErrNotFound, otel: true},
		"fault":     {err: errors.New("disk on fire"), ours: true, otel: true, server: true},
	} {
		t.Run(name, func(t *testing.T) {
			c := startOTLP(t)
			books := openOurs()(t, c, "books")
			ours, otel := openOurs()(t, c, "ours"), openOTel(t, c, "otel")
			fail := func(context.Context, int32) (string, error) { return "", test.err }
			addr, stop := serve(t, books, fail)
			for _, client := range []party{ours, otel} {
				if _, err := client.client(t, addr)(t.Context(), 1); err == nil {
					t.Error("have no error")
				}
			}
			stop()
			closeAll(t, ours, otel, books)
			have := map[string][]bool{}
			for _, s := range c.all() {
				have[s.service] = append(have[s.service], s.failed)
			}
			want := map[string][]bool{
				"ours": {test.ours}, "otel": {test.otel}, "books": {test.server, test.server},
			}
			if diff := cmp.Diff(want, have); diff != "" {
				t.Errorf("-want +have\n%s", diff)
			}
		})
	}
}

// TestSharedSpan checks that a server that shares the span of its client is in the same trace as
// our client: both have the same id and parent.
func TestSharedSpan(t *testing.T) {
	c := startOTLP(t)
	id := call(t, openOurs()(t, c, "caller"), openZipkin(t, c, "books"))
	byKind := map[model.Kind]span{}
	for _, s := range c.trace(t, id, 3) {
		byKind[s.kind] = s
	}
	root, client, server := byKind[model.Undetermined], byKind[model.Client], byKind[model.Server]
	if client.id != server.id || client.parent != root.id || server.parent != root.id ||
		len(byKind) != 3 {
		t.Errorf("have %+v, want client and server with the same id and the root as parent", byKind)
	}
}

// TestTracestateAndBaggage sends both from OpenTelemetry through ours to OpenTelemetry.
func TestTracestateAndBaggage(t *testing.T) {
	c := startOTLP(t)
	first, ours, last := openOTel(t, c, "first"), openOurs()(t, c, "ours"), openOTel(t, c, "last")
	var received string
	inner, stopInner := serve(t, last, func(ctx context.Context, id int32) (string, error) {
		received = baggage.FromContext(ctx).String()
		return found(ctx, id)
	})
	outer, stopOuter := serve(t, ours, ours.client(t, inner))

	state, err := trace.ParseTraceState("vendor=opaque,other=1")
	if err != nil {
		t.Fatal(err)
	}
	parent := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2},
		TraceFlags: trace.FlagsSampled, TraceState: state, Remote: true,
	})
	bag, err := baggage.Parse("user=%C3%BC")
	if err != nil {
		t.Fatal(err)
	}
	ctx := trace.ContextWithRemoteSpanContext(t.Context(), parent)
	if _, err := first.client(t, outer)(baggage.ContextWithBaggage(ctx, bag), 1); err != nil {
		t.Fatal(err)
	}
	stopOuter()
	stopInner()
	closeAll(t, first, ours, last)
	have := c.trace(t, parent.TraceID().String(), 4)
	if len(have) != 4 {
		t.Errorf("have %d spans, want 4: %+v", len(have), have)
	}
	for _, s := range have {
		if s.state != "vendor=opaque,other=1" {
			t.Errorf("%s %s: have tracestate %q", s.service, s.kind, s.state)
		}
	}
	if received != "user=%C3%BC" {
		t.Errorf("have baggage %q at the last server", received)
	}
}
