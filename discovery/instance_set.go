package discovery

import (
	"math"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// An instanceSet is the state of one instancer: the instances in etcd, and those that are kept
// because etcd has lost its data. It must not be used concurrently.
type instanceSet struct {
	prefix      string        // of the keys
	gracePeriod time.Duration // how long stale instances are kept

	current     map[string]instance // instances in etcd at revision, by key
	revision    int64
	interrupted bool // a connection or a read has failed since the last read

	// stale instances were current before etcd lost its data. They are kept until graceEnd: most
	// likely their servers still run and register again within the grace period.
	stale    map[string]instance
	graceEnd time.Time
}

// An instance is the value of one key and the revision that wrote it.
type instance struct {
	address  string
	revision int64
}

// replace sets the current instances after a read of all keys. Former instances become stale if
// etcd has lost its data. An etcd that is empty after an interruption is treated as one that has
// lost its data, because this is the most likely reason.
func (s *instanceSet) replace(kvs []*mvccpb.KeyValue, revision int64, now time.Time) {
	former := s.current
	s.current = make(map[string]instance, len(kvs))
	for _, kv := range kvs {
		s.set(kv)
	}
	if s.historyChanged(former, revision) || s.interrupted && len(s.current) == 0 {
		s.retain(former, now)
	}
	s.revision, s.interrupted = revision, false
}

// historyChanged reports whether the current instances contradict the former ones. In one etcd,
// revisions never decrease, and a key that was written at a known revision is a known key. An etcd
// that was restarted without its data violates this.
func (s *instanceSet) historyChanged(former map[string]instance, revision int64) bool {
	if revision < s.revision || revision == s.revision && len(s.current) != len(former) {
		return true
	}
	for key, i := range s.current {
		if i.revision <= s.revision && former[key] != i {
			return true
		}
	}
	return false
}

// retain makes the instances that are not current stale, and restarts the grace period. A second
// loss of data restarts it as well, because the servers have to register once more.
func (s *instanceSet) retain(instances map[string]instance, now time.Time) {
	if s.stale == nil {
		s.stale = map[string]instance{}
	}
	for key, i := range instances {
		if _, ok := s.current[key]; !ok {
			s.stale[key] = i
		}
	}
	s.graceEnd = now.Add(s.gracePeriod)
}

// graceLeft returns the time to the end of the grace period, or the longest possible duration if
// there are no stale instances.
func (s *instanceSet) graceLeft(now time.Time) time.Duration {
	if len(s.stale) == 0 {
		return math.MaxInt64
	}
	return max(0, s.graceEnd.Sub(now))
}

// endGrace removes the stale instances if the grace period has ended.
func (s *instanceSet) endGrace(now time.Time) {
	if s.graceLeft(now) == 0 {
		s.stale = nil
	}
}

// apply applies the events of a watch, which are in the order of their revisions. An instance whose
// key is deleted does not become stale: only data that was lost is kept.
func (s *instanceSet) apply(events []*clientv3.Event) {
	for _, event := range events {
		if event.Type == clientv3.EventTypeDelete {
			delete(s.current, string(event.Kv.Key))
			delete(s.stale, string(event.Kv.Key))
		} else {
			s.set(event.Kv)
		}
		s.revision = max(s.revision, event.Kv.ModRevision)
	}
}

// set sets one instance. A key with a further slash belongs to another service and is ignored. An
// empty value removes the instance.
func (s *instanceSet) set(kv *mvccpb.KeyValue) {
	key := string(kv.Key)
	if strings.Contains(strings.TrimPrefix(key, s.prefix), "/") {
		return
	}
	delete(s.stale, key)
	if len(kv.Value) == 0 {
		delete(s.current, key)
		return
	}
	s.current[key] = instance{string(kv.Value), kv.ModRevision}
}

// addresses returns the addresses of all instances, unsorted, in a new slice. Two keys with the
// same address yield it twice.
func (s *instanceSet) addresses() []string {
	all := make([]string, 0, len(s.current)+len(s.stale))
	for _, instances := range []map[string]instance{s.current, s.stale} {
		for _, i := range instances {
			all = append(all, i.address)
		}
	}
	return all
}
