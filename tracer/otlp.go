package tracer

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"bookservice/tracer/delivery"
)

// scopeName is the instrumentation scope of our spans.
const scopeName = "bookservice/tracer"

// otlpUploader sends spans with OpenTelemetry's own OTLP clients. The queue holds them encoded: what is in a batch is a
// ScopeSpans message without its scope.
type otlpUploader struct {
	client   otlptrace.Client
	resource *resourcepb.Resource
	timeout  time.Duration // of one request
}

func openOTLP(ctx context.Context, c Config, o options) (sink, error) {
	protocol, err := c.OTLP.protocol()
	if err != nil {
		return nil, fmt.Errorf("tracer: %w", err)
	}
	client, err := newOTLPClient(protocol, c.OTLP)
	if err == nil {
		err = client.Start(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("tracer: otlp: %w", err)
	}
	u := &otlpUploader{client: client, resource: otlpResource(c), timeout: otlpTimeout()}
	_, variable := otlpVariable("ENDPOINT")
	return newQueuedSink("otlp", transport{kind: "otlp", shown: withoutPassword(cmp.Or(c.OTLP.endpoint(protocol), variable)),
		encode: appendScoped, send: u.upload, release: u.stop}, c, o)
}

// otlpResource says which service, and which instance of it, the spans are of: our own settings before those that
// OTEL_RESOURCE_ATTRIBUTES has. An instance is known by its address, and without one by a random id.
func otlpResource(c Config) *resourcepb.Resource {
	attributes := map[string]string{}
	for pair := range strings.SplitSeq(os.Getenv("OTEL_RESOURCE_ATTRIBUTES"), ",") {
		key, value, found := strings.Cut(pair, "=")
		if decoded, err := url.PathUnescape(strings.TrimSpace(value)); found && err == nil {
			attributes[strings.TrimSpace(key)] = decoded
		}
	}
	own := []struct{ key, value string }{
		{"service.name", c.ServiceName},
		{"service.version", cmp.Or(c.ServiceVersion, attributes["service.version"])},
		{"service.instance.id", cmp.Or(c.Address, attributes["service.instance.id"], randomUUID())},
	}
	r := &resourcepb.Resource{}
	for _, a := range own {
		delete(attributes, a.key)
		if a.value != "" {
			r.Attributes = append(r.Attributes, stringAttribute(a.key, a.value))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(attributes)) {
		r.Attributes = append(r.Attributes, stringAttribute(key, attributes[key]))
	}
	return r
}

func stringAttribute(key, value string) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: limited(key, maxKey), Value: &commonpb.AnyValue{
		Value: &commonpb.AnyValue_StringValue{StringValue: limited(value, maxValue)}}}
}

// randomUUID returns a UUID of version 4 (RFC 9562).
func randomUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

func (u *otlpUploader) upload(ctx context.Context, batch delivery.Batch) error {
	spans := &tracepb.ScopeSpans{}
	if err := proto.Unmarshal(batch.Bytes(), spans); err != nil {
		return &delivery.SendError{Kind: delivery.Bisect, Err: err}
	}
	spans.Scope = &commonpb.InstrumentationScope{Name: scopeName}
	ctx, cancel := context.WithTimeout(ctx, u.timeout)
	defer cancel()
	a := &answer{}
	err := u.client.UploadTraces(context.WithValue(ctx, answerKey{}, a),
		[]*tracepb.ResourceSpans{{Resource: u.resource, ScopeSpans: []*tracepb.ScopeSpans{spans}}})
	return a.verdict(err)
}

func (u *otlpUploader) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = u.client.Stop(ctx) // the queue has nothing left for it
}
