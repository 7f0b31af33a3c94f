package discovery

import (
	"context"
	"io"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"bookservice/discovery/internal/testkit"
)

// An endedStream is a stream that has ended with its connection: gRPC reports the reason to the
// receiver, and [io.EOF] to the sender.
type endedStream struct {
	etcdserverpb.Lease_LeaseKeepAliveClient
	sent chan struct{}
}

func (s endedStream) Send(*etcdserverpb.LeaseKeepAliveRequest) error {
	close(s.sent)
	return io.EOF
}

func (s endedStream) Recv() (*etcdserverpb.LeaseKeepAliveResponse, error) {
	<-s.sent
	return nil, status.Error(codes.Unavailable, "connection was closed")
}

type endedLeaseClient struct{ etcdserverpb.LeaseClient }

func (endedLeaseClient) LeaseKeepAlive(
	context.Context, ...grpc.CallOption,
) (etcdserverpb.Lease_LeaseKeepAliveClient, error) {
	return endedStream{sent: make(chan struct{})}, nil
}

// A connection that is closed ends the renewals of other leases. They are repeated, and the
// registrations are not reported as lost.
func TestRenewalOnAnEndedStreamMayBeRepeated(t *testing.T) {
	r := newRenewer(endedLeaseClient{})
	defer r.close()
	for range 20 {
		err := r.renew(testkit.Context(t, 30*time.Second), 1)
		if !unavailable(err) {
			t.Fatalf("have %v, want an error that lets the request be repeated", err)
		}
	}
}
