package tracer

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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

// otlpSink sends spans with OpenTelemetry's own OTLP clients. Its queue holds them encoded: what is in a batch is a
// ScopeSpans message without its scope.
type otlpSink struct {
	client   otlptrace.Client
	resource *resourcepb.Resource
	queue    *delivery.Queue
	log      *slog.Logger
	timeout  time.Duration // of one request
	flush    time.Duration
	to       string
	rejected atomic.Uint64 // spans of batches that were taken else
	stop     sync.Once
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
	_, variable := otlpVariable("ENDPOINT")
	s := &otlpSink{client: client, resource: otlpResource(c), timeout: otlpTimeout(), flush: c.FlushTimeout,
		to: withoutPassword(cmp.Or(c.OTLP.endpoint(protocol), variable))}
	s.log = o.log.With("backend", "otlp", "url", s.to)
	s.queue = delivery.New(delivery.Config{}, s.post, s.log)
	return s, nil
}

// withoutPassword returns an address that may be shown.
func withoutPassword(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Redacted()
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

func (s *otlpSink) consume(f *finished) {
	f.buf = appendScoped(f.buf[:0], f)
	s.queue.Add(f.buf)
}

func (s *otlpSink) post(ctx context.Context, batch []byte, records int) error {
	spans := &tracepb.ScopeSpans{}
	if err := proto.Unmarshal(batch, spans); err != nil {
		return delivery.Permanent(err)
	}
	spans.Scope = &commonpb.InstrumentationScope{Name: scopeName}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	a := &answer{}
	err := s.client.UploadTraces(context.WithValue(ctx, answerKey{}, a),
		[]*tracepb.ResourceSpans{{Resource: s.resource, ScopeSpans: []*tracepb.ScopeSpans{spans}}})
	if a.rejected > 0 {
		s.rejected.Add(uint64(min(a.rejected, int64(records))))
		s.log.Warn("spans refused by the collector", "spans", a.rejected, "reason", a.reason)
	}
	return a.verdict(err)
}

// stats counts spans that were rejected as dropped: the queue knows of whole batches only.
func (s *otlpSink) stats() delivery.Stats {
	rejected := s.rejected.Load()
	st := s.queue.Stats()
	rejected = min(rejected, st.Sent) // those of a batch that is under way are counted before the batch is
	st.Sent, st.Dropped = st.Sent-rejected, st.Dropped+rejected
	return st
}

// Close implements sink.
func (s *otlpSink) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.flush)
	defer cancel()
	err := s.queue.Close(ctx)
	s.stop.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = s.client.Stop(ctx) // the queue has nothing left for it
	})
	if err != nil {
		return fmt.Errorf("tracer: otlp %s: %w", s.to, err)
	}
	return nil
}
