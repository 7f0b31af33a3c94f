package tracer

import (
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	zipkinot "github.com/openzipkin-contrib/zipkin-go-opentracing"
	"github.com/openzipkin/zipkin-go"
	"github.com/openzipkin/zipkin-go/model"
)

// A replayer plays one finished span at a time through a Zipkin bridge of its own. It is the bridge's id generator and
// its reporter as well: whoever owns the replayer knows which span the bridge asks about, without a table or a lock.
type replayer struct {
	recorder *recorder
	bridge   opentracing.Tracer
	span     *span
	start    replayStart
	opts     []opentracing.StartSpanOption // holds &start
	finished finished
}

// replayStart tells the bridge the kind and the start of the span.
type replayStart struct {
	at   time.Time
	tags map[string]any // shared, read only
}

func (o *replayStart) Apply(to *opentracing.StartSpanOptions) {
	to.StartTime, to.Tags = o.at, o.tags
}

func newReplayer(r *recorder) *replayer {
	p := &replayer{recorder: r}
	p.opts = []opentracing.StartSpanOption{&p.start}
	// The only error NewTracer can return is an option's; none of these has one.
	tr, _ := zipkin.NewTracer(p, zipkin.WithIDGenerator(p), zipkin.WithLocalEndpoint(&r.local),
		zipkin.WithSharedSpans(false), zipkin.WithSampler(zipkin.AlwaysSample))
	p.bridge = zipkinot.Wrap(tr)
	return p
}

// replay sends a span that nothing writes to any more through the bridge to the sinks.
func (r *recorder) replay(s *span, d time.Duration) {
	r.finished.Add(1)
	if d < 0 {
		r.clamped.Add(1)
	}
	d = max(d, time.Microsecond) // zero would mean "unknown" to Zipkin, and a negative one spoils a whole batch
	p := r.replayers.Get().(*replayer)
	p.span = s
	p.start = replayStart{s.start, kindTags(s.kind)}
	p.bridge.StartSpan(s.name, p.opts...).FinishWithOptions(opentracing.FinishOptions{FinishTime: s.start.Add(d)})
	p.span, p.finished = nil, finished{buf: p.finished.buf[:0]}
	r.replayers.Put(p)
}

// TraceID implements idgenerator.IDGenerator.
func (p *replayer) TraceID() model.TraceID {
	return model.TraceID{High: p.span.own.traceHi, Low: p.span.own.traceLo}
}

// SpanID implements idgenerator.IDGenerator.
func (p *replayer) SpanID(model.TraceID) model.ID { return model.ID(p.span.own.spanID) }

// Send implements reporter.Reporter: it completes what came through the bridge and hands it to the sinks.
func (p *replayer) Send(m model.SpanModel) {
	f := &p.finished
	f.span, f.model = p.span, m
	f.complete()
	for _, sink := range p.recorder.sinks {
		sink.consume(f)
	}
}

// Close implements reporter.Reporter.
func (p *replayer) Close() error { return nil }

var (
	clientTags   = map[string]any{string(ext.SpanKind): ext.SpanKindRPCClientEnum}
	serverTags   = map[string]any{string(ext.SpanKind): ext.SpanKindRPCServerEnum}
	producerTags = map[string]any{string(ext.SpanKind): ext.SpanKindProducerEnum}
	consumerTags = map[string]any{string(ext.SpanKind): ext.SpanKindConsumerEnum}
)

func kindTags(k model.Kind) map[string]any {
	switch k {
	case model.Client:
		return clientTags
	case model.Server:
		return serverTags
	case model.Producer:
		return producerTags
	case model.Consumer:
		return consumerTags
	}
	return nil
}
