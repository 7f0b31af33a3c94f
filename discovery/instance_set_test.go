package discovery

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// kv returns a key that was written at a revision.
func kv(revision int64, key, value string) *mvccpb.KeyValue {
	return &mvccpb.KeyValue{Key: []byte("/" + key), Value: []byte(value), ModRevision: revision}
}

func (s *instanceSet) read(revision int64, now time.Time, kvs ...*mvccpb.KeyValue) {
	s.replace(kvs, revision, now)
}

func (s *instanceSet) change(event mvccpb.Event_EventType, kv *mvccpb.KeyValue) {
	s.applyAt(time.Unix(0, 0), event, kv)
}

func (s *instanceSet) applyAt(
	now time.Time, event mvccpb.Event_EventType, kv *mvccpb.KeyValue,
) {
	s.apply([]*clientv3.Event{{Type: event, Kv: kv}}, now)
}

func TestInstanceSetKeepsLostInstances(t *testing.T) {
	const (
		put         = clientv3.EventTypePut
		deletion    = clientv3.EventTypeDelete
		gracePeriod = time.Minute
	)
	begin := time.Unix(0, 0)
	a, b := kv(5, "a", "1"), kv(6, "b", "2")
	for _, test := range []struct {
		name string
		do   func(*instanceSet) // after a and b were read at revision 10
		want string
	}{
		{"the same", func(s *instanceSet) { s.read(10, begin, a, b) }, "1 2"},
		{"fewer", func(s *instanceSet) { s.read(11, begin, b) }, "2"},
		{"none", func(s *instanceSet) { s.read(11, begin) }, ""},
		{"none after an interruption", func(s *instanceSet) {
			s.interrupted = true
			s.read(11, begin)
		}, "1 2"},
		{"fewer after an interruption", func(s *instanceSet) {
			s.interrupted = true
			s.read(11, begin, b)
		}, "2"},
		{"none without a further interruption", func(s *instanceSet) {
			s.interrupted = true
			s.read(11, begin, a, b)
			s.read(12, begin)
		}, ""},
		{"lower revision", func(s *instanceSet) { s.read(3, begin, kv(3, "b", "2")) }, "1 2"},
		{"same revision and fewer", func(s *instanceSet) { s.read(10, begin, b) }, "1 2"},
		{"known revision of an unknown key", func(s *instanceSet) {
			s.read(99, begin, kv(7, "c", "3"))
		}, "1 2 3"},
		{"other revision of a known key", func(s *instanceSet) {
			s.read(99, begin, kv(4, "b", "2"))
		}, "1 2"},
		{"changes raise the known revision", func(s *instanceSet) {
			s.change(put, kv(12, "c", "3"))
			s.read(11, begin)
		}, "1 2 3"},
		{"newer keys", func(s *instanceSet) {
			s.read(99, begin, kv(11, "b", "2"), kv(12, "c", "3"))
		}, "2 3"},
		{"in the grace period", func(s *instanceSet) {
			s.read(3, begin)
			s.endGrace(begin.Add(gracePeriod - 1))
		}, "1 2"},
		{"after the grace period", func(s *instanceSet) {
			s.read(3, begin)
			s.endGrace(begin.Add(gracePeriod))
		}, ""},
		{"registered again in the grace period", func(s *instanceSet) {
			s.read(3, begin)
			s.change(put, kv(4, "b", "2"))
			s.endGrace(begin.Add(gracePeriod))
		}, "2"},
		{"deleted in the grace period", func(s *instanceSet) {
			s.read(3, begin)
			s.change(deletion, kv(4, "a", ""))
		}, "2"},
		{"changed in the grace period", func(s *instanceSet) {
			s.read(3, begin)
			s.change(put, kv(4, "a", "9"))
		}, "2 9"},
		{"second loss restarts the grace period", func(s *instanceSet) {
			s.read(3, begin)
			s.read(2, begin.Add(gracePeriod/2))
			s.endGrace(begin.Add(gracePeriod))
		}, "1 2"},
		{"restarted grace period ends", func(s *instanceSet) {
			s.read(3, begin)
			s.read(2, begin.Add(gracePeriod/2))
			s.endGrace(begin.Add(gracePeriod * 3 / 2))
		}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &instanceSet{prefix: "/", gracePeriod: gracePeriod}
			s.read(10, begin, a, b)
			test.do(s)
			have := strings.Join(slices.Sorted(slices.Values(s.addresses())), " ")
			if have != test.want {
				t.Errorf("have %q, want %q", have, test.want)
			}
		})
	}
}

// leased returns kv under a lease.
func leased(revision int64, key, value string) *mvccpb.KeyValue {
	k := kv(revision, key, value)
	k.Lease = 1
	return k
}

// The deletion of a key that was under a lease may mean that its server cannot reach etcd.
func TestInstanceSetKeepsInstancesWhoseLeasesHaveExpired(t *testing.T) {
	const (
		put         = clientv3.EventTypePut
		deletion    = clientv3.EventTypeDelete
		gracePeriod = time.Minute
	)
	begin := time.Unix(0, 0).Add(time.Hour)
	after := func(periods float64) time.Time {
		return begin.Add(time.Duration(periods * float64(gracePeriod)))
	}
	a, b, c := leased(5, "a", "1"), leased(6, "b", "2"), leased(7, "c", "3")
	expire := func(s *instanceSet, now time.Time, keys ...string) {
		for n, key := range keys {
			s.applyAt(now, deletion, kv(int64(20+n), key, ""))
		}
	}
	// interrupt is a silence of two grace periods.
	interrupt := func(s *instanceSet) { s.interrupted, s.silentSince = true, after(-2) }
	for _, test := range []struct {
		name string
		do   func(*instanceSet) // after a, b and c were read at revision 10
		want string
	}{
		{"one of three", func(s *instanceSet) { expire(s, begin, "a") }, "2 3"},
		{"two of three", func(s *instanceSet) { expire(s, begin, "a", "b") }, "1 2 3"},
		{"all", func(s *instanceSet) { expire(s, begin, "a", "b", "c") }, "1 2 3"},
		{"one after the other, far apart", func(s *instanceSet) {
			expire(s, begin, "a")
			expire(s, after(1), "b")
		}, "3"},
		{"the last one", func(s *instanceSet) {
			expire(s, begin, "a")
			expire(s, after(1), "b")
			expire(s, after(2), "c")
		}, "3"},
		{"all have left on their own", func(s *instanceSet) {
			for n, key := range []string{"a", "b", "c"} {
				s.applyAt(begin, put, leased(int64(20+n), key, fmt.Sprint(n+1)))
				expire(s, begin, key)
			}
		}, ""},
		{"two have left on their own, the last one expires", func(s *instanceSet) {
			s.applyAt(begin, put, leased(20, "a", "1"))
			s.applyAt(begin, put, leased(21, "b", "2"))
			expire(s, begin, "a", "b")
			expire(s, begin, "c")
		}, "3"},
		{"a kept one leaves on its own", func(s *instanceSet) {
			expire(s, begin, "a", "b", "c")
			s.applyAt(begin, put, leased(30, "a", "1"))
			s.applyAt(begin, put, leased(31, "a", "1"))
			expire(s, begin, "a")
		}, "2 3"},
		{"written again under another lease", func(s *instanceSet) {
			successor := leased(20, "a", "1")
			successor.Lease = 2
			s.applyAt(begin, put, successor)
			expire(s, begin, "a", "b")
		}, "1 2 3"},
		{"an empty value", func(s *instanceSet) {
			s.applyAt(begin, put, leased(20, "a", ""))
		}, "2 3"},
		{"some stay, the grace period ends", func(s *instanceSet) {
			expire(s, begin, "a", "b")
			s.endGrace(after(1))
		}, "3"},
		{"none returns", func(s *instanceSet) {
			expire(s, begin, "a", "b", "c")
			s.endGrace(after(maxGracePeriods - 0.1))
		}, "1 2 3"},
		{"none returns for long", func(s *instanceSet) {
			expire(s, begin, "a", "b", "c")
			s.endGrace(after(maxGracePeriods))
		}, ""},
		{"one returns late", func(s *instanceSet) {
			expire(s, begin, "a", "b", "c")
			s.endGrace(after(3))
			s.applyAt(after(3), put, leased(30, "a", "1"))
			s.endGrace(after(3.9))
		}, "1 2 3"},
		{"one returns late, the others do not", func(s *instanceSet) {
			expire(s, begin, "a", "b", "c")
			s.applyAt(after(3), put, leased(30, "a", "1"))
			s.endGrace(after(4))
		}, "1"},
		{"each return extends the grace period", func(s *instanceSet) {
			expire(s, begin, "a", "b", "c")
			s.applyAt(after(0.9), put, leased(30, "a", "1"))
			s.applyAt(after(1.8), put, leased(31, "b", "2"))
			s.endGrace(after(2.7))
		}, "1 2 3"},
		{"one after a silence", func(s *instanceSet) {
			interrupt(s)
			s.read(12, begin, a, b, c)
			expire(s, after(0.9), "a")
		}, "1 2 3"},
		{"one long after a silence", func(s *instanceSet) {
			interrupt(s)
			s.read(12, begin, a, b, c)
			expire(s, after(1), "a")
		}, "2 3"},
		{"one in a silence", func(s *instanceSet) {
			interrupt(s)
			s.read(12, begin, b, c)
		}, "1 2 3"},
		{"one in a short interruption", func(s *instanceSet) {
			interrupt(s)
			s.silentSince = after(-0.4)
			s.read(12, begin, b, c)
		}, "2 3"},
		{"two in a short interruption", func(s *instanceSet) {
			interrupt(s)
			s.silentSince = after(-0.4)
			s.read(12, begin, c)
		}, "1 2 3"},
		{"a second silence", func(s *instanceSet) {
			expire(s, begin, "a", "b")
			interrupt(s)
			s.read(12, after(5), c)
			s.endGrace(after(5.9))
		}, "1 2 3"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &instanceSet{prefix: "/", gracePeriod: gracePeriod}
			s.read(10, begin, a, b, c)
			test.do(s)
			have := strings.Join(slices.Sorted(slices.Values(s.addresses())), " ")
			if have != test.want {
				t.Errorf("have %q, want %q", have, test.want)
			}
		})
	}
}

// An empty value is no address, and counts as skipped until it is replaced.
func TestEmptyValuesAreCounted(t *testing.T) {
	s := &instanceSet{prefix: "/"}
	now := time.Now()
	s.replace([]*mvccpb.KeyValue{leased(10, "a", "1")}, 10, now)
	s.applyAt(now, mvccpb.PUT, leased(11, "a", ""))
	if have := len(s.skipped); have != 1 || len(s.addresses()) != 0 {
		t.Errorf("have %d skipped values and the list %q, want 1 and none", have, s.addresses())
	}
	s.applyAt(now, mvccpb.PUT, leased(12, "a", "1"))
	if have := len(s.skipped); have != 0 || len(s.addresses()) != 1 {
		t.Errorf("have %d skipped values and the list %q, want 0 and one", have, s.addresses())
	}
}
