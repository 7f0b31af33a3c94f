package discovery

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// If there was an interruption since the last read, an etcd without instances has probably lost its
// data.
func TestInterruptionsStartTheGracePeriod(t *testing.T) {
	for _, test := range []struct {
		name    string
		between func(t *testing.T, f *fakeEtcd, i *etcdInstancer)
		ended   bool // the connection ends during the second read
		want    []string
	}{
		{"none", func(*testing.T, *fakeEtcd, *etcdInstancer) {}, false, []string{}},
		{"failed read", func(t *testing.T, f *fakeEtcd, i *etcdInstancer) {
			f.get = func(context.Context) (*clientv3.GetResponse, error) {
				return nil, errors.New("on fire")
			}
			if _, err := i.read(t.Context(), t.Context()); err == nil {
				t.Error("have no error, want one")
			}
		}, false, []string{"a:1"}},
		{"connection ended in a watch", func(t *testing.T, _ *fakeEtcd, i *etcdInstancer) {
			epoch, end := context.WithCancel(t.Context())
			end()
			if err := i.watch(t.Context(), epoch, 2); err != nil {
				t.Error(err)
			}
		}, false, []string{"a:1"}},
		{"connection ended in a read", func(*testing.T, *fakeEtcd, *etcdInstancer) {}, true,
			[]string{"a:1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFakeEtcd()
			i := newEtcdInstancer(f.registry(), "/")
			if _, err := i.read(t.Context(), t.Context()); err != nil {
				t.Fatal(err)
			}
			test.between(t, f, i)
			f.get = func(context.Context) (*clientv3.GetResponse, error) {
				return getResponse(100), nil
			}
			epoch, end := context.WithCancel(t.Context())
			defer end()
			if test.ended {
				end()
			}
			if _, err := i.read(t.Context(), epoch); err != nil {
				t.Fatal(err)
			}
			if have := i.instances.addresses(); !slices.Equal(have, test.want) {
				t.Errorf("have %q after a read without instances, want %q", have, test.want)
			}
		})
	}
}

// The pauses between reads grow if watches fail at once. They are short again after a watch that
// has lasted.
func TestInstancerRetriesFromAShortPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const lasting = 6 // the number of the watch that lasts
		var reads []time.Time
		var watches int
		f := newFakeEtcd()
		all := f.get
		f.get = func(ctx context.Context) (*clientv3.GetResponse, error) {
			reads = append(reads, time.Now())
			return all(ctx)
		}
		f.watch = func(ctx context.Context) clientv3.WatchChan {
			ch := make(chan clientv3.WatchResponse)
			if watches++; watches == lasting {
				time.AfterFunc(time.Minute, func() { close(ch) })
			} else {
				close(ch)
			}
			return ch
		}
		registry := f.registry()
		if _, err := registry.Instancer(""); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute + 5*minTTL)
		if err := registry.Close(); err != nil {
			t.Fatal(err)
		}
		const longest = minTTL / 3
		pauses := []time.Duration{
			firstRetry, 2 * firstRetry, 4 * firstRetry, longest, longest,
			time.Minute + firstRetry,
			2 * firstRetry, 4 * firstRetry, longest,
		}
		if len(reads) <= len(pauses) {
			t.Fatalf("have %d reads, want more than %d", len(reads), len(pauses))
		}
		for n, want := range pauses {
			have := reads[n+1].Sub(reads[n])
			if least := want / 2; have > want || have < least {
				t.Errorf("have %s from read %d to the next, want %s to %s",
					have, n+1, least, want)
			}
		}
	})
}
