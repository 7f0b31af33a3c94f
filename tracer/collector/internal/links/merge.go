// Package links derives the calls between services from traces, by the rules of Zipkin's
// DependencyLinker.
package links

import (
	"cmp"
	"slices"

	"bookservice/tracer/collector/internal/zipkinv2"
)

// A piece is a span that may have been merged of several.
type piece struct {
	zipkinv2.Span

	added bool // it has more than one piece
}

// merge returns the spans of a trace with the pieces of one span put together, and a missing Shared
// set on a server after its client.
func merge(spans []*zipkinv2.Span) []*piece {
	sorted := slices.Clone(spans)
	if len(sorted) > 1 {
		slices.SortStableFunc(sorted, cleanupOrder)
	}
	merged := make([]*piece, 0, len(sorted))
	for i := 0; i < len(sorted); i++ {
		first := sorted[i]
		p := &piece{Span: *first}
		var local endpointTracker
		local.merge(p.Local)
		for i+1 < len(sorted) && sorted[i+1].ID == p.ID &&
			sorted[i+1].Shared == first.Shared && local.merge(sorted[i+1].Local) {
			i++
			p.add(sorted[i])
		}
		if p.added {
			p.Finish() // its lists are its own: others read those of the store's spans
		}
		if len(merged) > 0 {
			p.follow(merged[len(merged)-1], first)
		}
		merged = append(merged, p)
	}
	return merged
}

// follow corrects a server's piece after the piece before it, which may be its client's. Only the
// first piece that was put into p decides.
func (p *piece) follow(last *piece, first *zipkinv2.Span) {
	if last.ID != p.ID {
		return
	}
	shared := first.Shared
	if last.Kind == zipkinv2.KindClient && first.Kind == zipkinv2.KindServer && !shared {
		p.Shared, shared = true, true
	}
	if shared && first.Parent == 0 && last.Parent != 0 {
		p.Parent = last.Parent
	}
	if p.Parent == p.ID {
		p.Parent = 0
	}
	if p.Kind == zipkinv2.KindClient {
		p.Shared = false
	}
}

// add puts another piece of the same span into p.
func (p *piece) add(s *zipkinv2.Span) {
	p.added = true
	p.Parent = cmp.Or(p.Parent, s.Parent)
	p.Kind = cmp.Or(p.Kind, s.Kind)
	p.Name = cmp.Or(p.Name, s.Name)
	p.Timestamp = cmp.Or(p.Timestamp, s.Timestamp)
	p.Duration = cmp.Or(p.Duration, s.Duration)
	p.Local = mergeEndpoint(p.Local, s.Local)
	p.Remote = mergeEndpoint(p.Remote, s.Remote)
	p.Annotations = slices.Concat(p.Annotations, s.Annotations)
	p.Tags = slices.Concat(p.Tags, s.Tags)
	p.Debug = p.Debug || s.Debug
	p.Shared = p.Shared || s.Shared
}

func mergeEndpoint(a, b *zipkinv2.Endpoint) *zipkinv2.Endpoint {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return &zipkinv2.Endpoint{
		Service: cmp.Or(a.Service, b.Service),
		IPv4:    cmp.Or(a.IPv4, b.IPv4),
		IPv6:    cmp.Or(a.IPv6, b.IPv6),
		Port:    cmp.Or(a.Port, b.Port),
	}
}

// cleanupOrder sorts by id, clients first and shared spans last, spans without endpoint first.
func cleanupOrder(a, b *zipkinv2.Span) int {
	return cmp.Or(cmp.Compare(a.ID, b.ID), compareShared(a, b), compareEndpoint(a.Local, b.Local))
}

func compareShared(a, b *zipkinv2.Span) int {
	if a.Shared || b.Shared {
		return compareBool(a.Shared, b.Shared)
	}
	return compareBool(b.Kind == zipkinv2.KindClient, a.Kind == zipkinv2.KindClient)
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

func compareEndpoint(a, b *zipkinv2.Endpoint) int {
	if a == nil || b == nil {
		return compareBool(a != nil, b != nil)
	}
	return cmp.Or(compareText(a.Service, b.Service), compareText(a.IPv4, b.IPv4),
		compareText(a.IPv6, b.IPv6))
}

// compareText sorts absent texts last.
func compareText(a, b string) int {
	if a == "" || b == "" {
		return compareBool(a == "", b == "")
	}
	return zipkinv2.Compare(a, b)
}

// An endpointTracker collects what is known of an endpoint that is sent in pieces.
type endpointTracker struct{ zipkinv2.Endpoint }

// merge adds e, or reports that it is another endpoint.
func (t *endpointTracker) merge(e *zipkinv2.Endpoint) bool {
	if e == nil {
		return true
	}
	if differ(t.Service, e.Service) || differ(t.IPv4, e.IPv4) || differ(t.IPv6, e.IPv6) ||
		differ(t.Port, e.Port) {
		return false
	}
	t.Endpoint = *mergeEndpoint(&t.Endpoint, e)
	return true
}

// differ reports whether both values are known and not the same.
func differ[T comparable](a, b T) bool {
	var unknown T
	return a != unknown && b != unknown && a != b
}
