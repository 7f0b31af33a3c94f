package discovery

import (
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
