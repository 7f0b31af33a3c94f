package links

import (
	"strconv"

	"bookservice/tracer/collector/internal/zipkinv2"
)

// A Link is the calls of one service to another.
type Link struct {
	Parent, Child string
	Calls, Errors int64
}

// A Linker adds up the links of traces. The zero value is ready for use. It must not be used
// concurrently.
type Linker struct {
	links []Link
	index map[[2]string]int
}

// Links returns the links in the order in which they were found.
func (l *Linker) Links() []Link { return l.links }

// Add adds the links of a trace.
func (l *Linker) Add(spans []*zipkinv2.Span) {
	if len(spans) == 0 {
		return
	}
	root := buildTree(merge(spans))
	for _, n := range root.breadthFirst() {
		l.addNode(n, n == root)
	}
}

func (l *Linker) addNode(n *node, isRoot bool) {
	s := n.span
	kind, service, remote := s.Kind, s.LocalService(), s.RemoteService()
	if kind == zipkinv2.KindClient && len(n.children) > 0 {
		return // the server's name counts
	}
	if kind == zipkinv2.KindNone {
		if service == "" || remote == "" {
			return
		}
		kind = zipkinv2.KindClient
	}
	_, failed := s.Tag("error")
	parent, child := service, remote
	switch kind {
	case zipkinv2.KindServer, zipkinv2.KindConsumer:
		parent, child = remote, service
		if isRoot && parent == "" {
			return
		}
	default:
	}
	if kind == zipkinv2.KindProducer || kind == zipkinv2.KindConsumer {
		l.add(parent, child, failed)
		return
	}
	if ancestor := n.remoteAncestor(); ancestor != nil && ancestor.LocalService() != "" {
		name := ancestor.LocalService()
		if kind == zipkinv2.KindClient && service != "" && name != service {
			l.add(name, service, false) // whether it failed is unknown
		}
		if kind == zipkinv2.KindServer || parent == "" {
			parent = name
		}
		if !failed && ancestor.Kind == zipkinv2.KindClient && s.Parent != 0 &&
			s.Parent == ancestor.ID {
			_, failed = ancestor.Tag("error")
		}
	}
	l.add(parent, child, failed)
}

// remoteAncestor returns the nearest ancestor that has a kind.
func (n *node) remoteAncestor() *piece {
	for a := n.parent; a != nil; a = a.parent {
		if a.span != nil && a.span.Kind != zipkinv2.KindNone {
			return a.span
		}
	}
	return nil
}

// add counts a call, if both names are known.
func (l *Linker) add(parent, child string, failed bool) {
	if parent == "" || child == "" {
		return
	}
	if l.index == nil {
		l.index = map[[2]string]int{}
	}
	k := [2]string{parent, child}
	i, ok := l.index[k]
	if !ok {
		i = len(l.links)
		l.index[k] = i
		l.links = append(l.links, Link{Parent: parent, Child: child})
	}
	l.links[i].Calls++
	if failed {
		l.links[i].Errors++
	}
}

// AppendJSON appends the links as Zipkin does: without the errors where there are none.
func AppendJSON(b []byte, links []Link) []byte {
	b = append(b, '[')
	for i, l := range links {
		if i > 0 {
			b = append(b, ',')
		}
		b = zipkinv2.AppendString(append(b, `{"parent":`...), l.Parent)
		b = zipkinv2.AppendString(append(b, `,"child":`...), l.Child)
		b = strconv.AppendInt(append(b, `,"callCount":`...), l.Calls, 10)
		if l.Errors > 0 {
			b = strconv.AppendInt(append(b, `,"errorCount":`...), l.Errors, 10)
		}
		b = append(b, '}')
	}
	return append(b, ']')
}
