package rabbitmq

import (
	"errors"
	"fmt"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"bookservice/tracer/delivery"
)

// TestErrorKinds checks what errors of the broker mean for a batch.
func TestErrorKinds(t *testing.T) {
	for code, want := range map[int]delivery.Kind{
		amqp.AccessRefused:      delivery.RetryAfterFix,
		amqp.NotFound:           delivery.RetryAfterFix,
		amqp.NotAllowed:         delivery.RetryAfterFix,
		amqp.PreconditionFailed: delivery.RetryAfterFix,
		amqp.InvalidPath:        delivery.RetryAfterFix,
		amqp.ContentTooLarge:    delivery.Split,
		amqp.ConnectionForced:   delivery.Retry,
	} {
		err := fmt.Errorf("publish: %w", &amqp.Error{Code: code})
		if have := errorKind(err); have != want {
			t.Errorf("%d: have %v, want %v", code, have, want)
		}
	}
	if have := errorKind(errors.New("connection lost")); have != delivery.Retry {
		t.Errorf("have %v for another error, want Retry", have)
	}
}
