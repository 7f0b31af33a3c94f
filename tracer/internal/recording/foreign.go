package recording

import (
	"maps"
	"reflect"
	"sync"

	"github.com/opentracing/opentracing-go"
)

// An optionTarget is what options of unknown types are applied to, such as ext.RPCServerOption's.
// An option may put a map or a slice of its own into the target, which it may use for other spans
// at the same time. These are only read.
type optionTarget struct {
	target opentracing.StartSpanOptions // of Apply; it has tags and refs before each call
	tags   map[string]any
	refs   []opentracing.SpanReference // with a capacity of 1 or more
}

// foreignOptions pools option targets. Map and slice are always their own.
var foreignOptions = sync.Pool{New: func() any {
	o := &optionTarget{
		tags: map[string]any{}, refs: make([]opentracing.SpanReference, 0, 2),
	}
	o.target.Tags, o.target.References = o.tags, o.refs
	return o
}}

// apply applies an option, and copies what the option has put in place of the map or the slice.
func (o *optionTarget) apply(opt opentracing.StartSpanOption) {
	opt.Apply(&o.target)
	if tags := o.target.Tags; !sameMap(tags, o.tags) {
		clear(o.tags)
		maps.Copy(o.tags, tags)
		o.target.Tags = o.tags
	}
	if refs := o.target.References; cap(refs) > 0 && &refs[:1][0] == &o.refs[:1][0] {
		o.refs = refs
	} else {
		o.refs = append(o.refs[:0], refs...)
	}
	o.target.References = o.refs
}

// sameMap reports whether a and b are one map, without allocating.
func sameMap(a, b map[string]any) bool {
	return reflect.ValueOf(a).UnsafePointer() == reflect.ValueOf(b).UnsafePointer()
}

// release returns o to the pool.
func (o *optionTarget) release() {
	clear(o.tags)
	clear(o.refs[:cap(o.refs)]) // an option may have removed some
	o.refs = o.refs[:0]
	o.target = opentracing.StartSpanOptions{Tags: o.tags, References: o.refs}
	foreignOptions.Put(o)
}
