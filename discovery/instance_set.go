package discovery

import (
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// maxGracePeriods limits how long instances are kept, in grace periods, if none of them returns.
const maxGracePeriods = 10

// An instanceSet is the state of one instancer: the instances in etcd, and those that are kept
// because they have most likely lost their registrations and not ended. It must not be used
// concurrently.
//
// An instance leaves on its own if its key is deleted and was under no lease, or was written twice
// with the same value under the same lease, which is what [Registrar.Deregister] does. It is
// removed at once. The deletion of another key that was under a lease has two possible causes: the
// instance has ended, or it could not renew its lease. The second one is assumed, and the instance
// kept, within a grace period of a silence of etcd, and if most instances vanish within one grace
// period.
type instanceSet struct {
	prefix      string        // of the keys
	gracePeriod time.Duration // how long stale instances are kept
	parse       valueParser   // nil accepts all values

	current     map[string]instance // instances in etcd at revision, by key
	revision    int64
	interrupted bool      // a connection or a read has failed since the last read
	silentSince time.Time // when etcd last sent something before the interruption
	silenceEnd  time.Time // of the last interruption that was long enough for leases to expire

	// vanished holds instances that were removed less than a grace period ago, since the deletion
	// of their keys may be the first one of most.
	vanished map[string]vanishedInstance

	// stale instances are not in etcd any more and are kept until graceEnd. If they were under
	// leases and no instance is current, etcd is perhaps still out of reach for the servers: the
	// instances are kept until one returns, and until holdEnd at the latest.
	stale             map[string]instance
	graceEnd, holdEnd time.Time

	below      string           // a longer prefix that ignored keys have, or empty
	skipped    map[string]error // why the value of a key is not that of an instance
	metadataMu sync.Mutex
	metadata   map[string]map[string]string // by address; see metadataOf

	counts  map[string]int // the number of current and stale keys with an address
	touched []string       // addresses whose count has become 0 or 1: see takeTouched
}

// An instance is the value of one key and the revision that wrote it.
type instance struct {
	value
	text     string // the value as it is in etcd
	revision int64
	lease    int64 // 0 for none
	leaving  bool  // its server is about to delete the key
}

// mayBeLost reports whether the deletion of the key may mean that the server runs.
func (i instance) mayBeLost() bool { return i.lease != 0 && !i.leaving }

// same reports whether two instances have the same value and revision.
func (i instance) same(other instance) bool {
	return i.text == other.text && i.revision == other.revision
}

type vanishedInstance struct {
	instance
	at time.Time
}

// replace sets the current instances after a read of all keys. Former instances become stale if
// etcd has lost its data. An etcd that is empty after an interruption is treated as one that has
// lost its data, because this is the most likely reason.
func (s *instanceSet) replace(kvs []*mvccpb.KeyValue, revision int64, now time.Time) {
	former, interrupted := s.current, s.interrupted
	// A server that is cut off at the same time loses its lease after two thirds of a TTL or more.
	if interrupted && now.Sub(s.silentSince) >= s.gracePeriod/2 {
		s.silenceEnd = now
	}
	s.interrupted = false
	s.current = make(map[string]instance, len(kvs))
	clear(s.skipped)
	s.below = ""
	for _, kv := range kvs {
		s.set(kv, now)
	}
	for _, i := range former { // after the new ones were counted: nothing has changed for most
		s.drop(i.address)
	}
	if s.historyChanged(former, revision) || interrupted && len(s.current) == 0 {
		s.retain(former, now)
	} else if interrupted {
		s.retainLeased(former, now)
	}
	if interrupted && len(s.stale) > 0 {
		s.extendGrace(now)
	}
	s.revision = revision
}

// retainLeased makes the instances under leases that are not current stale, if they are the most or
// if there was a silence.
func (s *instanceSet) retainLeased(former map[string]instance, now time.Time) {
	for key, i := range former {
		if _, ok := s.current[key]; !ok && i.mayBeLost() {
			s.noteVanished(key, i, now)
		}
	}
	if s.silent(now) || s.mostVanished() {
		s.retainVanished(now)
	}
}

// silent reports whether a silence of etcd has ended less than a grace period ago.
func (s *instanceSet) silent(now time.Time) bool {
	return !s.silenceEnd.IsZero() && now.Sub(s.silenceEnd) < s.gracePeriod
}

// historyChanged reports whether the current instances contradict the former ones. In one etcd,
// revisions never decrease, and a key that was written at a known revision is a known key. An etcd
// that was restarted without its data violates this.
func (s *instanceSet) historyChanged(former map[string]instance, revision int64) bool {
	if revision < s.revision || revision == s.revision && len(s.current) != len(former) {
		return true
	}
	for key, i := range s.current {
		if i.revision <= s.revision && !former[key].same(i) {
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
			s.put(s.stale, key, i)
		}
	}
	s.graceEnd = now.Add(s.gracePeriod)
	s.holdEnd = now.Add(maxGracePeriods * s.gracePeriod)
}

func (s *instanceSet) retainVanished(now time.Time) {
	if len(s.vanished) == 0 {
		return
	}
	lost := make(map[string]instance, len(s.vanished))
	for key, v := range s.vanished {
		lost[key] = v.instance
	}
	s.vanished = nil
	s.retain(lost, now)
}

// noteVanished stores an instance whose key is gone, and forgets those of earlier grace periods.
func (s *instanceSet) noteVanished(key string, i instance, now time.Time) {
	for key, v := range s.vanished {
		if now.Sub(v.at) >= s.gracePeriod {
			delete(s.vanished, key)
		}
	}
	if s.vanished == nil {
		s.vanished = map[string]vanishedInstance{}
	}
	s.vanished[key] = vanishedInstance{i, now}
}

// mostVanished reports whether more than half of the instances of the last grace period are gone.
func (s *instanceSet) mostVanished() bool {
	gone := len(s.vanished) + len(s.stale)
	return len(s.vanished) > 0 && gone > len(s.current)
}

// extendGrace gives the stale instances at least a grace period from now on.
func (s *instanceSet) extendGrace(now time.Time) {
	if end := now.Add(s.gracePeriod); end.After(s.graceEnd) {
		s.graceEnd = end
	}
}

// graceLeft returns the time to the next call of endGrace, or the longest possible duration if
// there are no stale instances.
func (s *instanceSet) graceLeft(now time.Time) time.Duration {
	switch {
	case len(s.stale) == 0:
		return math.MaxInt64
	case now.Before(s.graceEnd):
		return s.graceEnd.Sub(now)
	default:
		return max(0, s.holdEnd.Sub(now))
	}
}

// endGrace removes the stale instances whose time has ended.
func (s *instanceSet) endGrace(now time.Time) {
	if now.Before(s.graceEnd) {
		return
	}
	for key, i := range s.stale {
		if i.lease == 0 || len(s.current) > 0 || !now.Before(s.holdEnd) {
			s.cut(s.stale, key)
		}
	}
}

// apply applies the events of a watch, which are in the order of their revisions.
func (s *instanceSet) apply(events []*clientv3.Event, now time.Time) {
	for _, event := range events {
		if event.Type == clientv3.EventTypeDelete {
			s.remove(string(event.Kv.Key), now)
		} else {
			s.set(event.Kv, now)
		}
		s.revision = max(s.revision, event.Kv.ModRevision)
	}
	s.endGrace(now)
}

// remove removes an instance whose key was deleted, or keeps it: see instanceSet.
func (s *instanceSet) remove(key string, now time.Time) {
	i, ok := s.current[key]
	s.cut(s.current, key)
	s.cut(s.stale, key)
	delete(s.skipped, key)
	if !ok || !i.mayBeLost() {
		return
	}
	s.noteVanished(key, i, now)
	if s.silent(now) || s.mostVanished() {
		s.retainVanished(now)
	}
}

// set sets one instance. A key with a further slash belongs to another service and is ignored. A
// value that is no address, such as the empty one, removes the instance. The return of one instance
// extends the grace period of others.
func (s *instanceSet) set(kv *mvccpb.KeyValue, now time.Time) {
	key := string(kv.Key)
	if service, _, ok := strings.Cut(strings.TrimPrefix(key, s.prefix), "/"); ok {
		s.below = s.prefix + service + "/"
		return
	}
	_, returned := s.stale[key]
	delete(s.vanished, key)
	i := instance{revision: kv.ModRevision, lease: kv.Lease}
	if s.known(kv, &i) {
		s.current[key] = i // the address is counted already
		return
	}
	if !s.parseValue(key, kv.Value, &i) {
		s.cut(s.current, key)
		s.cut(s.stale, key)
		return
	}
	s.put(s.current, key, i)
	s.cut(s.stale, key)
	if returned {
		s.extendGrace(now)
	}
}

// known sets the address and metadata of i if the value of the key has not changed. A second write
// under the same lease means that the instance is leaving.
func (s *instanceSet) known(kv *mvccpb.KeyValue, i *instance) bool {
	former, ok := s.current[string(kv.Key)]
	if !ok || former.text != string(kv.Value) {
		return false
	}
	i.value, i.text = former.value, former.text
	i.leaving = i.lease == former.lease && (former.leaving || i.revision > former.revision)
	return true
}

var errEmptyValue = errors.New("is empty")

// parseValue sets the address and metadata of i. It reports whether the value is that of an
// instance. Other values are counted as skipped.
func (s *instanceSet) parseValue(key string, text []byte, i *instance) bool {
	delete(s.skipped, key)
	i.text = string(text)
	i.address = i.text
	v, err := value{address: i.text}, error(nil)
	switch {
	case len(text) == 0:
		err = errEmptyValue
	case s.parse != nil:
		v, err = s.parse(text)
	}
	if err != nil {
		if s.skipped == nil {
			s.skipped = map[string]error{}
		}
		s.skipped[key] = err
		return false
	}
	i.value = v
	return true
}

// add counts one more key with an address.
func (s *instanceSet) add(address string) {
	if s.counts == nil {
		s.counts = map[string]int{}
	}
	s.counts[address]++
	if s.counts[address] == 1 {
		s.touched = append(s.touched, address)
	}
}

// drop counts one key less with an address.
func (s *instanceSet) drop(address string) {
	if s.counts[address]--; s.counts[address] == 0 {
		delete(s.counts, address)
		s.setMetadata(address, nil)
		s.touched = append(s.touched, address)
	}
}

// takeTouched returns the addresses that may have been added or removed since its last call. The
// slice is valid until the next change.
func (s *instanceSet) takeTouched() []string {
	touched := s.touched
	s.touched = s.touched[:0]
	return touched
}

// listed reports whether an address is that of an instance.
func (s *instanceSet) listed(address string) bool { return s.counts[address] > 0 }

// addresses returns the addresses of all instances, unsorted and without duplicates, in a new
// slice.
func (s *instanceSet) addresses() []string {
	return slices.AppendSeq(make([]string, 0, len(s.counts)), maps.Keys(s.counts))
}

// metadataOf returns the metadata of the instance with an address. If several keys have it, that of
// the last change counts. It may be called concurrently.
func (s *instanceSet) metadataOf(address string) map[string]string {
	s.metadataMu.Lock()
	defer s.metadataMu.Unlock()
	return maps.Clone(s.metadata[address])
}

func (s *instanceSet) setMetadata(address string, metadata map[string]string) {
	s.metadataMu.Lock()
	defer s.metadataMu.Unlock()
	switch {
	case metadata == nil:
		delete(s.metadata, address)
	case s.metadata == nil:
		s.metadata = map[string]map[string]string{address: metadata}
	default:
		s.metadata[address] = metadata
	}
}

// put and cut change one of the maps of instances, and count addresses.
func (s *instanceSet) put(m map[string]instance, key string, i instance) {
	s.add(i.address)
	s.cut(m, key)
	m[key] = i
	s.setMetadata(i.address, i.metadata)
}

func (s *instanceSet) cut(m map[string]instance, key string) {
	if i, ok := m[key]; ok {
		delete(m, key)
		s.drop(i.address)
	}
}
