package tracer

import (
	"net"
	"slices"

	"github.com/openzipkin/zipkin-go/model"
)

// finished is a finished span on its way to the sinks. It is lent to them for the length of a call.
type finished struct {
	span   *span
	model  model.SpanModel // without tags: they are listed in span, and error
	errTag string          // the value of the error tag, empty for none
	buf    []byte          // for the sink that encodes

	parent model.ID
	remote model.Endpoint
	ip4    [4]byte
	ip6    [16]byte
}

func (f *finished) complete() {
	s, m := f.span, &f.model
	if s.exported != 0 {
		f.parent = model.ID(s.exported)
		m.ParentID = &f.parent
	}
	m.Debug = s.own.decision == debug || s.priority == debug
	if s.peer != (peer{}) {
		f.remote = model.Endpoint{ServiceName: s.peer.service, Port: s.peer.port}
		switch ip := s.peer.ip; {
		case ip.Is4():
			f.ip4 = ip.As4()
			f.remote.IPv4 = f.ip4[:]
		case ip.Is6():
			f.ip6 = ip.As16()
			f.remote.IPv6 = f.ip6[:]
		}
		m.RemoteEndpoint = &f.remote
	}
	for _, r := range s.logs {
		m.Annotations = append(m.Annotations, model.Annotation{Timestamp: r.at, Value: r.text()})
	}
	f.errTag = ""
	if s.failed {
		f.errTag = "true"
		if s.reason != "" {
			f.errTag = s.reason
		}
	}
}

// eachTag calls do with every tag that is exported.
func (f *finished) eachTag(do func(t tag)) {
	for _, t := range f.span.tags {
		do(t)
	}
	if f.errTag != "" {
		do(tag{key: tagError, value: f.errTag})
	}
}

// spanModel returns the span as zipkin-go knows it: a copy that shares nothing with f.
func (f *finished) spanModel() model.SpanModel {
	m := f.model
	m.Tags = make(map[string]string, len(f.span.tags)+1)
	f.eachTag(func(t tag) { m.Tags[t.key] = t.value })
	if m.ParentID != nil {
		parent := *m.ParentID
		m.ParentID = &parent
	}
	if m.RemoteEndpoint != nil {
		remote := *m.RemoteEndpoint
		remote.IPv4, remote.IPv6 = net.IP(slices.Clone(remote.IPv4)), net.IP(slices.Clone(remote.IPv6))
		m.RemoteEndpoint = &remote
	}
	return m
}
