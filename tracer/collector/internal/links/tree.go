package links

import (
	"cmp"
	"slices"

	"bookservice/tracer/collector/internal/zipkinv2"
)

// A node is a span in the tree of its trace. The root has no span if it stands for a missing one.
type node struct {
	span     *piece
	parent   *node
	children []*node
	visited  bool
}

func (n *node) addChild(child *node) {
	n.children = append(n.children, child)
	child.parent = n
}

// A key identifies a node. A shared span is identified by its endpoint too, because several servers
// may answer under one id.
type key struct {
	id       uint64
	shared   bool
	endpoint zipkinv2.Endpoint
}

func newKey(id uint64, shared bool, endpoint *zipkinv2.Endpoint) key {
	k := key{id: id, shared: shared}
	if shared && endpoint != nil {
		k.endpoint = *endpoint
	}
	return k
}

// A builder builds the tree of a trace.
type builder struct {
	root    *node
	nodes   map[key]*node
	parents map[key]key // the zero key is none
	order   []key       // of the parents' keys
}

func (b *builder) setParent(child, parent key) {
	if _, ok := b.parents[child]; !ok {
		b.order = append(b.order, child)
	}
	b.parents[child] = parent
}

// buildTree returns the root.
func buildTree(spans []*piece) *node {
	b := &builder{nodes: map[key]*node{}, parents: map[key]key{}}
	for _, s := range spans {
		if s.Shared {
			b.setParent(newKey(s.ID, true, s.Local), key{id: s.ID})
		} else {
			b.setParent(key{id: s.ID}, key{id: s.Parent})
		}
	}
	for _, s := range spans {
		b.place(s)
	}
	if b.root == nil {
		b.root = &node{}
	}
	for _, k := range b.order {
		child, parent := b.nodes[k], b.parents[k]
		if child == nil {
			continue
		}
		if p := b.nodes[parent]; p != nil && parent != (key{}) && p != child {
			p.addChild(child)
		} else {
			b.root.addChild(child)
		}
	}
	return b.root
}

// place makes the node of a span and decides what its parent is.
func (b *builder) place(s *piece) {
	full, plain := newKey(s.ID, s.Shared, s.Local), newKey(s.ID, s.Shared, nil)
	n := &node{span: s}
	if s.Shared {
		b.nodes[full], b.nodes[plain] = n, n
		return
	}
	if s.Parent == 0 && b.root == nil {
		b.root = n
		delete(b.parents, plain)
		b.order = slices.DeleteFunc(b.order, func(k key) bool { return k == plain })
		return
	}
	if s.Parent != 0 {
		// The parent may be a server's span of the same endpoint that shares its client's id.
		shared := newKey(s.Parent, true, s.Local)
		if _, ok := b.parents[shared]; ok {
			b.setParent(plain, shared)
		}
	}
	b.nodes[plain] = n
}

// breadthFirst returns all nodes that have a span. Children are in the order of their start.
func (n *node) breadthFirst() []*node {
	n.visited = true
	queue := []*node{n}
	for i := 0; i < len(queue); i++ {
		children := queue[i].children
		slices.SortStableFunc(children, func(a, b *node) int {
			return cmp.Compare(a.span.Timestamp, b.span.Timestamp)
		})
		for _, c := range children {
			if !c.visited { // a node that two keys name is visited once
				c.visited = true
				queue = append(queue, c)
			}
		}
	}
	if n.span == nil {
		return queue[1:]
	}
	return queue
}
