package discovery

import (
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// A view is what an instancer knows about its keys. It belongs to one goroutine.
type view struct {
	prefix   string
	patience time.Duration // how long instances are kept that lost data hides

	found    map[string]instance // by key, complete as of revision
	revision int64
	broken   bool // there was an outage since

	// kept are instances that were known before etcd lost its data, until a time:
	// the servers behind them most likely still run and will register again.
	kept  map[string]instance
	until time.Time
}

// An instance is one key: the address in it, and the revision that wrote it.
type instance struct {
	address  string
	revision int64
}

// replace takes over all keys after a read. When etcd has lost its data, what was
// known is kept for a time; so it is when etcd is empty after an outage, because
// that is what lost data looks like most often.
func (v *view) replace(kvs []*mvccpb.KeyValue, revision int64, now time.Time) {
	before := v.found
	v.found = make(map[string]instance, len(kvs))
	for _, kv := range kvs {
		v.set(kv)
	}
	if v.rewritten(before, revision) || v.broken && len(v.found) == 0 {
		v.keep(before, now)
	}
	v.revision, v.broken = revision, false
}

// rewritten reports whether what was just read contradicts what was known. The
// history of one etcd only grows: revisions do not go back, and a key of a known
// revision is a known key. A new etcd with the old name has another history.
func (v *view) rewritten(before map[string]instance, revision int64) bool {
	if revision < v.revision || revision == v.revision && len(v.found) != len(before) {
		return true
	}
	for key, read := range v.found {
		if read.revision <= v.revision && before[key] != read {
			return true
		}
	}
	return false
}

// keep begins the time of patience, anew when one has begun: the servers have to
// register again once more.
func (v *view) keep(instances map[string]instance, now time.Time) {
	if v.kept == nil {
		v.kept = map[string]instance{}
	}
	for key, known := range instances {
		if _, back := v.found[key]; !back {
			v.kept[key] = known
		}
	}
	v.until = now.Add(v.patience)
}

// left returns how long to wait before believe, without end when nothing is kept.
func (v *view) left(now time.Time) time.Duration {
	if len(v.kept) == 0 {
		return time.Duration(1<<63 - 1)
	}
	return max(0, v.until.Sub(now))
}

// believe ends the time of patience when it is over.
func (v *view) believe(now time.Time) {
	if v.left(now) == 0 {
		v.kept = nil
	}
}

// apply takes over changes, which come in the order of their revisions. A key
// that is deleted was there, so that its instance is not kept either.
func (v *view) apply(events []*clientv3.Event) {
	for _, event := range events {
		if event.Type == clientv3.EventTypeDelete {
			delete(v.found, string(event.Kv.Key))
			delete(v.kept, string(event.Kv.Key))
		} else {
			v.set(event.Kv)
		}
		v.revision = max(v.revision, event.Kv.ModRevision)
	}
}

// set notes an instance. A key with a further slash belongs to another service,
// and an empty value is no address.
func (v *view) set(kv *mvccpb.KeyValue) {
	key := string(kv.Key)
	if strings.Contains(strings.TrimPrefix(key, v.prefix), "/") {
		return
	}
	delete(v.kept, key)
	if len(kv.Value) == 0 {
		delete(v.found, key)
		return
	}
	v.found[key] = instance{string(kv.Value), kv.ModRevision}
}

// addresses returns all addresses, in no order; the slice is the caller's.
func (v *view) addresses() []string {
	all := make([]string, 0, len(v.found)+len(v.kept))
	for _, instances := range []map[string]instance{v.found, v.kept} {
		for _, i := range instances {
			all = append(all, i.address)
		}
	}
	return all
}
