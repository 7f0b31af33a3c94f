package discovery

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// A renewer renews leases on one stream, which it opens when it is needed. The etcd client has two
// other ways: a stream for each renewal, which costs several times as much, and one stream whose
// failures it does not report.
type renewer struct {
	client etcdserverpb.LeaseClient

	// ctx ends all streams.
	ctx  context.Context
	stop context.CancelFunc

	// sem is a semaphore that is held while a stream is opened or sent to.
	sem chan struct{}

	mu      sync.Mutex
	current *renewStream // nil if there is none

	receiving sync.WaitGroup
}

func newRenewer(client etcdserverpb.LeaseClient) *renewer {
	r := &renewer{client: client, sem: make(chan struct{}, 1)}
	r.ctx, r.stop = context.WithCancel(context.Background())
	return r
}

// close ends the stream and its goroutine.
func (r *renewer) close() {
	r.stop()
	r.receiving.Wait()
}

// renew renews a lease. It returns [rpctypes.ErrLeaseNotFound] if the lease has expired.
func (r *renewer) renew(ctx context.Context, lease int64) error {
	s, result, err := r.send(ctx, lease)
	if err != nil {
		return rpctypes.Error(err)
	}
	select {
	case err := <-result:
		return rpctypes.Error(err)
	case <-ctx.Done():
		s.forget(lease, result)
		return ctx.Err()
	}
}

// send sends a request. The result is sent to the channel.
func (r *renewer) send(ctx context.Context, lease int64) (*renewStream, chan error, error) {
	select {
	case r.sem <- struct{}{}:
		defer func() { <-r.sem }()
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	s, err := r.stream(ctx)
	if err != nil {
		return nil, nil, err
	}
	result := s.wait(lease)
	// Send blocks if the connection takes no more bytes: then only the end of the stream ends it.
	stop := context.AfterFunc(ctx, s.cancel)
	err = s.Send(&etcdserverpb.LeaseKeepAliveRequest{ID: lease})
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if errors.Is(err, io.EOF) {
		return s, result, nil // the stream has ended: receive gets the reason
	}
	if err != nil {
		s.cancel()
		s.forget(lease, result)
	}
	return s, result, err
}

// stream returns the current stream, or opens one.
func (r *renewer) stream(ctx context.Context) (*renewStream, error) {
	r.mu.Lock()
	s := r.current
	r.mu.Unlock()
	if s != nil {
		return s, nil
	}
	// The stream outlives ctx, but opening it does not.
	values, end := context.WithCancel(context.WithoutCancel(ctx))
	detach := context.AfterFunc(r.ctx, end)
	cancel := func() { detach(); end() }
	opened := context.AfterFunc(ctx, cancel)
	stream, err := r.client.LeaseKeepAlive(values)
	if !opened() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		cancel()
		return nil, err
	}
	s = &renewStream{stream, cancel, sync.Mutex{}, map[int64][]chan error{}, nil}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx.Err() != nil {
		cancel()
		return nil, r.ctx.Err()
	}
	r.current = s
	r.receiving.Go(func() { r.receive(s) })
	return s, nil
}

// receive distributes the responses on a stream until it ends.
func (r *renewer) receive(s *renewStream) {
	defer s.cancel()
	for {
		resp, err := s.Recv()
		if err != nil {
			r.mu.Lock()
			r.current = nil
			r.mu.Unlock()
			s.fail(err)
			return
		}
		var result error
		if resp.TTL <= 0 {
			result = rpctypes.ErrLeaseNotFound
		}
		s.deliver(resp.ID, result)
	}
}

// A renewStream is a stream and the calls that wait for a response on it.
type renewStream struct {
	etcdserverpb.Lease_LeaseKeepAliveClient
	cancel context.CancelFunc

	mu      sync.Mutex
	waiting map[int64][]chan error // by lease, the first call first
	err     error                  // that has ended the stream
}

// wait returns a channel with a capacity of one, to which the result for a lease is sent.
func (s *renewStream) wait(lease int64) chan error {
	s.mu.Lock()
	defer s.mu.Unlock()
	result := make(chan error, 1)
	if s.err != nil {
		result <- s.err
	} else {
		s.waiting[lease] = append(s.waiting[lease], result)
	}
	return result
}

// forget ends a wait. The response may still come, and is then that of the next call.
func (s *renewStream) forget(lease int64, result chan error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting[lease] = slices.DeleteFunc(s.waiting[lease], func(c chan error) bool {
		return c == result
	})
	if len(s.waiting[lease]) == 0 {
		delete(s.waiting, lease)
	}
}

func (s *renewStream) deliver(lease int64, result error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.waiting[lease]
	if len(all) == 0 {
		return
	}
	all[0] <- result
	if len(all) == 1 {
		delete(s.waiting, lease)
	} else {
		s.waiting[lease] = all[1:]
	}
}

func (s *renewStream) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err = err; err == nil {
		s.err = errors.New("stream has ended")
	}
	for _, all := range s.waiting {
		for _, result := range all {
			result <- s.err
		}
	}
	clear(s.waiting)
}
