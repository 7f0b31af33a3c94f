package recording

import (
	"strconv"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	zipkinot "github.com/openzipkin-contrib/zipkin-go-opentracing"
	"github.com/openzipkin/zipkin-go"
	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer/finished"
	"bookservice/tracer/internal/spancontext"
)

// A replayer sends one finished span at a time through a Zipkin bridge of its own. It is also the
// bridge's id generator and reporter. One Finish at a time owns a replayer, so these know the span
// without a table or a lock.
//
// The bridge gets the name and no option: it would parse options of the start into others, which
// costs 11 allocations for the two spans of a call. The reporter sets the rest.
type replayer struct {
	recorder *Recorder
	bridge   opentracing.Tracer
	span     *span
	finished finished.Span
	buf      []byte // the sinks' scratch memory

	// These back the pointers in finished.Model.
	parent model.ID
	remote model.Endpoint
	ip4    [4]byte
	ip6    [16]byte
}

func newReplayer(r *Recorder) *replayer {
	p := &replayer{recorder: r}
	// NewTracer returns only errors of its options; none of these has one.
	tr, _ := zipkin.NewTracer(p, zipkin.WithIDGenerator(p), zipkin.WithLocalEndpoint(&r.cfg.Local),
		zipkin.WithSharedSpans(false), zipkin.WithSampler(zipkin.AlwaysSample))
	p.bridge = zipkinot.Wrap(tr)
	return p
}

// send hands a span that has been closed to the sinks of its tracer. s may be nil.
func (s *span) send() {
	if s != nil {
		s.tracer.replay(s)
		s.tracer.open.done(s)
	}
}

// replay sends a span through the bridge to the sinks.
func (r *Recorder) replay(s *span) {
	if !s.isLive {
		r.finished.Add(1)
		if s.clamped {
			r.clamped.Add(1)
		}
	}
	p := r.replayers.Get().(*replayer)
	p.span = s
	p.bridge.StartSpan(s.name).Finish()
	p.span, p.finished = nil, finished.Span{}
	r.replayers.Put(p)
}

// TraceID implements idgenerator.IDGenerator.
func (p *replayer) TraceID() model.TraceID {
	return model.TraceID{High: p.span.own.TraceHi, Low: p.span.own.TraceLo}
}

// SpanID implements idgenerator.IDGenerator.
func (p *replayer) SpanID(model.TraceID) model.ID { return model.ID(p.span.own.ID) }

// Send implements reporter.Reporter: it completes the bridge's span and hands it to the sinks.
func (p *replayer) Send(m model.SpanModel) {
	p.complete(m)
	if p.span.isLive {
		p.sendLive()
		return
	}
	for _, sink := range p.recorder.sinks {
		p.buf = sink.Consume(&p.finished, p.buf)
	}
}

// sendLive hands a span that has not ended to the sinks that take one.
func (p *replayer) sendLive() {
	p.finished.Model.Duration = 0
	for _, sink := range p.recorder.sinks {
		if s, ok := sink.(LiveSink); ok {
			p.buf = s.ConsumeLive(&p.finished, p.buf)
		}
	}
}

// complete sets what the bridge did not get.
func (p *replayer) complete(m model.SpanModel) {
	s := p.span
	m.Kind, m.Timestamp = kinds[s.kind], s.start
	// Zipkin takes zero for unknown, and rejects a whole batch for one negative duration.
	m.Duration = max(s.duration, time.Microsecond)
	if s.reportedParent != 0 {
		p.parent = model.ID(s.reportedParent)
		m.ParentID = &p.parent
	}
	m.Debug = s.own.Decision == spancontext.Debug || s.priority == spancontext.Debug
	if s.peer.service != "" || s.peer.ip.IsValid() || s.peer.port != 0 {
		m.RemoteEndpoint = p.remoteEndpoint(s.peer)
	}
	logs := s.logs.sorted()
	for _, r := range logs {
		m.Annotations = append(m.Annotations, model.Annotation{Timestamp: r.Time, Value: r.Text()})
	}
	p.finished = finished.Span{
		Model:        m,
		Tags:         s.exportedTags(),
		Logs:         logs,
		DroppedLogs:  s.logs.numDropped(),
		PeerHost:     s.peerHost(),
		Error:        s.errorTag(),
		Tracestate:   s.own.Tracestate(),
		ParentRemote: s.remoteParent,
	}
	if s.links != nil {
		p.finished.Links, p.finished.DroppedLinks = s.links.list, s.links.dropped
	}
}

// exportedTags returns the tags with those that stand for fields of other formats.
func (s *span) exportedTags() []finished.Tag {
	tags := s.tags
	count := func(key string, n int) {
		if n > 0 {
			tags = setTag(tags, finished.Tag{Key: key, Value: strconv.Itoa(n), Type: finished.Int})
		}
	}
	count(finished.TagDroppedLogs, s.logs.numDropped())
	if s.links != nil {
		count(finished.TagDroppedLinks, s.links.dropped)
		value := references(s.links.list)
		tags = setTag(tags, finished.Tag{Key: finished.TagReferences, Value: value})
	}
	return tags
}

// peerHost returns the name of the peer's host, which only a tag has, or "".
func (s *span) peerHost() (host string) {
	for _, t := range s.tags {
		if t.Key == string(ext.PeerHostname) || t.Key == string(ext.PeerAddress) {
			if _, name := parsePeer(authority(t.Value)); name != "" && name != "<nil>" {
				host = name
			}
		}
	}
	return host
}

func (p *replayer) remoteEndpoint(from peer) *model.Endpoint {
	p.remote = model.Endpoint{ServiceName: from.service, Port: from.port}
	switch ip := from.ip; {
	case ip.Is4():
		p.ip4 = ip.As4()
		p.remote.IPv4 = p.ip4[:]
	case ip.Is6():
		p.ip6 = ip.As16()
		p.remote.IPv6 = p.ip6[:]
	}
	return &p.remote
}

// Close implements reporter.Reporter.
func (p *replayer) Close() error { return nil }
