package kafka

import (
	"errors"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"

	"bookservice/tracer/delivery"
)

// TestErrorKinds checks what errors of the client mean for a batch.
func TestErrorKinds(t *testing.T) {
	for err, want := range map[error]delivery.Kind{
		kerr.SaslAuthenticationFailed:   delivery.RetryAfterFix,
		kerr.UnsupportedSaslMechanism:   delivery.RetryAfterFix,
		kerr.TopicAuthorizationFailed:   delivery.RetryAfterFix,
		kerr.ClusterAuthorizationFailed: delivery.RetryAfterFix,
		kerr.InvalidTopicException:      delivery.RetryAfterFix,
		kerr.UnknownTopicOrPartition:    delivery.RetryAfterFix,
		kerr.MessageTooLarge:            delivery.Split,
		kerr.RecordListTooLarge:         delivery.Split,
		kerr.NotLeaderForPartition:      delivery.Retry,
		errors.New("connection lost"):   delivery.Retry,
	} {
		if have := errorKind(fmt.Errorf("produce: %w", err)); have != want {
			t.Errorf("%v: have %v, want %v", err, have, want)
		}
	}
}
