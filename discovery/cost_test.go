package discovery

import (
	"fmt"
	"testing"
	"time"

	"github.com/go-kit/kit/sd"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"bookservice/discovery/internal/testkit"
)

func addressOf(n int) string { return fmt.Sprintf("10.0.%d.%d:5000", n/250, n%250) }

// putEvent returns the event of a watch in which instance n has a value.
func putEvent(n int, value string) []*clientv3.Event {
	return []*clientv3.Event{{Type: clientv3.EventTypePut, Kv: &mvccpb.KeyValue{
		Key: []byte("/" + addressOf(n)), Value: []byte(value), Lease: 1, ModRevision: 5000,
	}}}
}

// followedInstancer returns an instancer with n instances, without etcd, and its subscriber.
func followedInstancer(n int) (*etcdInstancer, chan sd.Event) {
	i := newEtcdInstancer(newFakeEtcd().registry(), "/")
	kvs := make([]*mvccpb.KeyValue, n)
	for k := range kvs {
		kvs[k] = putEvent(k, addressOf(k))[0].Kv
	}
	i.instances.replace(kvs, 5000, time.Now())
	i.publishChanges()
	events := make(chan sd.Event)
	i.Register(events)
	<-events
	return i, events
}

// benchmarkChange measures one change, from the event of the watch until a subscriber has the list.
func benchmarkChange(n int) func(*testing.B) {
	return func(b *testing.B) {
		i, events := followedInstancer(n)
		defer i.close()
		changes := [][]*clientv3.Event{putEvent(5, "10.9.0.9:5000"), putEvent(5, "10.9.1.9:5000")}
		b.ReportAllocs()
		for k := 0; b.Loop(); k++ {
			i.instances.apply(changes[k%2], time.Now())
			i.publishChanges()
			<-events
		}
	}
}

func BenchmarkOneOfManyChanges(b *testing.B) {
	for _, n := range []int{10, 1000, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), benchmarkChange(n))
	}
}

// fastest returns the fastest of three runs, since other processes slow some of them down.
func fastest(run func(*testing.B)) testing.BenchmarkResult {
	best := testing.Benchmark(run)
	for range 2 {
		if r := testing.Benchmark(run); r.NsPerOp() < best.NsPerOp() {
			best = r
		}
	}
	return best
}

// The list of a subscriber is the only copy: 1,000 strings have 16,000 bytes.
func TestCostOfOneChange(t *testing.T) {
	testkit.Slow(t)
	r := fastest(benchmarkChange(1000))
	t.Log(r, r.MemString())
	if have := time.Duration(r.NsPerOp()); have > 60*time.Microsecond && !testkit.RaceDetector {
		t.Errorf("have %s for the change of one of 1,000 instances, want 60µs or less", have)
	}
	if have := r.AllocedBytesPerOp(); have > 17_000 {
		t.Errorf("have %d bytes for one change of 1,000 instances, want 17,000 or less", have)
	}
}

func TestCostOfNoChange(t *testing.T) {
	testkit.Slow(t)
	i, events := followedInstancer(1000)
	defer i.close()
	same := putEvent(5, addressOf(5))
	r := fastest(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			i.instances.apply(same, time.Now())
			i.publishChanges()
		}
	})
	t.Log(r, r.MemString())
	if r.NsPerOp() > 5000 && !testkit.RaceDetector || r.AllocedBytesPerOp() > 100 {
		t.Errorf("have %s and %d bytes for an event without a change, want 5µs and 100 or less",
			time.Duration(r.NsPerOp()), r.AllocedBytesPerOp())
	}
	select {
	case event := <-events:
		t.Errorf("have %v without a change, want no event", event)
	default:
	}
}
