package discovery

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/kit/sd"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"bookservice/discovery/etcdembed"
)

func TestMailboxKeepsTheNewestListAndError(t *testing.T) {
	a, b := sd.Event{Instances: []string{"a"}}, sd.Event{Instances: []string{"b"}}
	e, f := sd.Event{Err: errors.New("e")}, sd.Event{Err: errors.New("f")}
	for _, test := range []struct {
		name      string
		put, want []sd.Event
	}{
		{"newest list", []sd.Event{a, b}, []sd.Event{b}},
		{"error does not swallow the list", []sd.Event{a, e}, []sd.Event{a, e}},
		{"newest error", []sd.Event{a, e, f}, []sd.Event{a, f}},
		{"list ends the error", []sd.Event{a, e, b}, []sd.Event{b}},
		{"error alone", []sd.Event{e, f}, []sd.Event{f}},
	} {
		t.Run(test.name, func(t *testing.T) {
			ch := make(chan sd.Event)
			box := newMailbox(ch)
			defer box.close()
			for _, event := range test.put {
				box.put(event)
			}
			for _, want := range test.want {
				if have := <-ch; have.Err != want.Err || !slices.Equal(have.Instances, want.Instances) {
					t.Errorf("have %v, want %v", have, want)
				}
			}
			select {
			case have := <-ch:
				t.Errorf("have %v, want nothing more", have)
			default:
			}
		})
	}
}

// at is a key as it was written at a revision.
func at(revision int64, key, value string) *mvccpb.KeyValue {
	return &mvccpb.KeyValue{Key: []byte("/" + key), Value: []byte(value), ModRevision: revision}
}

func (v *view) read(revision int64, now time.Time, kvs ...*mvccpb.KeyValue) {
	v.replace(kvs, revision, now)
}

func (v *view) change(event mvccpb.Event_EventType, kv *mvccpb.KeyValue) {
	v.apply([]*clientv3.Event{{Type: event, Kv: kv}})
}

func TestViewKeepsWhatLostDataHides(t *testing.T) {
	const (
		put      = clientv3.EventTypePut
		deletion = clientv3.EventTypeDelete
		patience = time.Minute
	)
	begin := time.Unix(0, 0)
	a, b := at(5, "a", "1"), at(6, "b", "2")
	for _, test := range []struct {
		name string
		do   func(*view) // after a and b were read at revision 10
		want string
	}{
		{"the same", func(v *view) { v.read(10, begin, a, b) }, "1 2"},
		{"fewer", func(v *view) { v.read(11, begin, b) }, "2"},
		{"none", func(v *view) { v.read(11, begin) }, ""},
		{"none after an outage", func(v *view) { v.broken = true; v.read(11, begin) }, "1 2"},
		{"fewer after an outage", func(v *view) { v.broken = true; v.read(11, begin, b) }, "2"},
		{"older revision", func(v *view) { v.read(3, begin, at(3, "b", "2")) }, "1 2"},
		{"same revision and fewer", func(v *view) { v.read(10, begin, b) }, "1 2"},
		{"known revision of an unknown key", func(v *view) { v.read(99, begin, at(7, "c", "3")) }, "1 2 3"},
		{"other revision of a known key", func(v *view) { v.read(99, begin, at(4, "b", "2")) }, "1 2"},
		{"changes count as known", func(v *view) { v.change(put, at(12, "c", "3")); v.read(11, begin) }, "1 2 3"},
		{"newer keys", func(v *view) { v.read(99, begin, at(11, "b", "2"), at(12, "c", "3")) }, "2 3"},
		{"patience lasts", func(v *view) { v.read(3, begin); v.believe(begin.Add(patience - 1)) }, "1 2"},
		{"patience ends", func(v *view) { v.read(3, begin); v.believe(begin.Add(patience)) }, ""},
		{"patience ends with what is back", func(v *view) {
			v.read(3, begin)
			v.change(put, at(4, "b", "2"))
			v.believe(begin.Add(patience))
		}, "2"},
		{"deleted goes at once", func(v *view) { v.read(3, begin); v.change(deletion, at(4, "a", "")) }, "2"},
		{"moved is not kept", func(v *view) { v.read(3, begin); v.change(put, at(4, "a", "9")) }, "2 9"},
		{"second loss begins anew", func(v *view) {
			v.read(3, begin)
			v.read(2, begin.Add(patience/2))
			v.believe(begin.Add(patience))
		}, "1 2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := view{prefix: "/", patience: patience}
			v.read(10, begin, a, b)
			test.do(&v)
			if have := strings.Join(slices.Sorted(slices.Values(v.addresses())), " "); have != test.want {
				t.Errorf("have %q, want %q", have, test.want)
			}
		})
	}
}

func TestRetriesGrowToTheirMaximum(t *testing.T) {
	r := retries{max: time.Second}
	for _, want := range []time.Duration{firstRetry, 2 * firstRetry, 4 * firstRetry, 8 * firstRetry, time.Second, time.Second} {
		if have := r.next(); have > want || have < want/2 {
			t.Errorf("have %s, want %s to %s", have, want/2, want)
		}
	}
	r.reset()
	if have := r.next(); have > firstRetry {
		t.Errorf("have %s after a reset, want at most %s", have, firstRetry)
	}
}

func openEmbedded(t *testing.T) *etcdRegistry {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cluster, err := etcdembed.Start(ctx, etcdembed.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cluster.Close() })
	c := DefaultConfig()
	c.Etcd = cluster.Endpoints()
	r, err := Open(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r.(*etcdRegistry)
}

func TestFollowEndsAtACompactedRevision(t *testing.T) {
	t.Parallel()
	r := openEmbedded(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var revision int64
	for range 5 {
		resp, err := r.client.Put(ctx, "/services/book/a", "127.0.0.1:1")
		if err != nil {
			t.Fatal(err)
		}
		revision = resp.Header.Revision
	}
	if _, err := r.client.Compact(ctx, revision); err != nil {
		t.Fatal(err)
	}
	i := newEtcdInstancer(r, r.prefix)
	epoch := r.client.connections.now()
	if err := i.follow(ctx, epoch, 2); !errors.Is(err, rpctypes.ErrCompacted) {
		t.Errorf("have %v, want %v", err, rpctypes.ErrCompacted)
	}
	if revision, err := i.read(ctx, epoch); err != nil || revision == 0 || len(i.view.addresses()) != 1 {
		t.Errorf("have revision %d, %v and %v, want one instance read anew", revision, err, i.view.addresses())
	}
}

func TestInterruptedRegisterLeavesNothing(t *testing.T) {
	t.Parallel()
	r := openEmbedded(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	// The value is more than etcd takes, so that the put fails after the grant.
	registrar := newEtcdRegistrar(r, r.prefix+"a", strings.Repeat("x", 3<<20))
	if err := registrar.Register(ctx); err == nil {
		t.Fatal("have no error, want one")
	}
	r.loose.Wait()
	leases, err := r.client.Leases(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(leases.Leases) > 0 {
		t.Errorf("have %d leases, want none", len(leases.Leases))
	}
	if registrar.keeper != nil {
		t.Error("have a keeper, want none")
	}
}
