package tracer

import (
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

// hasTag reports whether the user has set a tag with this key.
func (f *finished) hasTag(key string) bool {
	return slices.ContainsFunc(f.span.tags, func(t tag) bool { return t.key == key })
}

// spanModel returns the span as zipkin-go knows it: a copy that shares nothing with f, or with another copy.
func (f *finished) spanModel() model.SpanModel {
	m := f.model
	m.Tags = make(map[string]string, len(f.span.tags)+1)
	f.eachTag(func(t tag) { m.Tags[t.key] = t.value })
	m.Annotations = slices.Clone(m.Annotations)
	m.ParentID, m.Sampled = copied(m.ParentID), copied(m.Sampled)
	m.LocalEndpoint, m.RemoteEndpoint = copiedEndpoint(m.LocalEndpoint), copiedEndpoint(m.RemoteEndpoint)
	return m
}

func copied[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

func copiedEndpoint(e *model.Endpoint) *model.Endpoint {
	c := copied(e)
	if c != nil {
		c.IPv4, c.IPv6 = slices.Clone(c.IPv4), slices.Clone(c.IPv6)
	}
	return c
}
