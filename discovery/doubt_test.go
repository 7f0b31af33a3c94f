package discovery

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"regexp"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// An etcd that does not answer has lost nothing. Only a key or a lease that is gone, or a key that
// another process has, is a loss.
func TestOnlyWhatIsGoneIsLoggedAsLost(t *testing.T) {
	silent := errors.New("etcd did not answer")
	keep := func(context.Context) (*clientv3.GetResponse, error) {
		return getResponse(1, &mvccpb.KeyValue{
			Key: []byte("/a:1"), Value: []byte("a:1"), Lease: 1, ModRevision: 1,
		}), nil
	}
	foreign := func(context.Context) (*clientv3.GetResponse, error) {
		return getResponse(2, &mvccpb.KeyValue{
			Key: []byte("/a:1"), Value: []byte("a:1"), Lease: 7, ModRevision: 2,
		}), nil
	}
	none := func(context.Context) (*clientv3.GetResponse, error) { return getResponse(2), nil }
	failing := func(context.Context) (*clientv3.GetResponse, error) { return nil, silent }
	const (
		lost, restored   = "registration lost", "registration restored"
		doubt, confirmed = "registration not confirmed", "registration confirmed"
	)
	for name, test := range map[string]struct {
		renew error
		get   func(context.Context) (*clientv3.GetResponse, error)
		want  []string // beginning with the first failure
	}{
		"no answer to the renewal": {silent, keep, []string{doubt, confirmed}},
		"no answer to the read":    {nil, failing, []string{doubt, confirmed}},
		"no lease":                 {rpctypes.ErrLeaseNotFound, keep, []string{lost, restored}},
		"no key":                   {nil, none, []string{lost, restored}},
		"a foreign key":            {nil, foreign, []string{lost, restored}},
		"no lease, no answer":      {rpctypes.ErrLeaseNotFound, failing, []string{lost, restored}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakeEtcd()
				begin := time.Now()
				fault := func() bool { return time.Since(begin) < 2*minTTL }
				f.renew = func(context.Context) error {
					if fault() {
						return test.renew
					}
					return nil
				}
				f.get = func(ctx context.Context) (*clientv3.GetResponse, error) {
					if fault() {
						return test.get(ctx)
					}
					return keep(ctx)
				}
				r := f.registry()
				var out bytes.Buffer
				r.log = slog.New(slog.NewTextHandler(&out, nil))
				a := r.Registrar("", "a:1")
				if err := a.Register(t.Context()); err != nil {
					t.Fatal(err)
				}
				<-time.After(6 * minTTL)
				if err := a.Deregister(t.Context()); err != nil {
					t.Fatal(err)
				}
				have := regexp.MustCompile(`registration [a-z ]+`).FindAllString(out.String(), -1)
				if len(have) > 2 { // a key that is gone again and again is restored as often
					have = slices.Compact(have)[:2]
				}
				if !slices.Equal(have, test.want) {
					t.Errorf("have %q, want %q in\n%s", have, test.want, out.String())
				}
			})
		})
	}
}
