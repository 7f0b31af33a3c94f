package discovery

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	clientv3 "go.etcd.io/etcd/client/v3"
)

func TestCloseInterruptsRegister(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeEtcd()
		f.grant = func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}
		registry := f.registry()
		registry.timeout = 1 << 62 // does not end the request
		done := make(chan error, 1)
		go func() { done <- registry.Registrar("", "a:1").Register(context.Background()) }()
		synctest.Wait() // until it waits for the lease
		if err := registry.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-done; !errors.Is(err, ErrClosed) {
			t.Errorf("have %v, want ErrClosed", err)
		}
	})
}

func TestNoRequestIsSentAfterClose(t *testing.T) {
	f := newFakeEtcd()
	registry := f.registry()
	registrar := registry.Registrar("", "a:1")
	if err := registry.Close(); err != nil {
		t.Fatal(err)
	}
	if err := registrar.Register(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("have %v, want ErrClosed", err)
	}
	if len(f.calls) > 0 {
		t.Errorf("have the requests %q, want none", f.calls)
	}
}

func TestStopIsNotAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeEtcd()
		f.get = func(ctx context.Context) (*clientv3.GetResponse, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		registry := f.registry()
		i, err := registry.Instancer("")
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // until it reads
		i.Stop()
		if i.(*etcdInstancer).failed() {
			t.Error("have an outage after Stop, want none")
		}
		if err := registry.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Register has returned before the lease of its failed attempt is revoked.
func TestCloseWaitsForLeasesThatAreRevokedInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := make(chan struct{})
		f := newFakeEtcd()
		f.revoke = func(context.Context) error { <-answer; return nil }
		registry := f.registry()
		registrar := newEtcdRegistrar(registry, "/a:1", "a:1")
		registrar.lease = 1
		registrar.revokeInBackground()
		done := make(chan error, 1)
		go func() { done <- registry.Close() }()
		synctest.Wait()
		select {
		case err := <-done:
			t.Errorf("Close has returned %v before the lease was revoked", err)
		default:
		}
		close(answer)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
