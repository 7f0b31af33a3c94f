package rabbitmq

import (
	"context"
	"errors"
	"regexp"

	amqp "github.com/rabbitmq/amqp091-go"

	"bookservice/tracer/delivery"
	"bookservice/tracer/internal/conns"
	"bookservice/tracer/internal/settings"
)

// An amqpSender publishes messages. Its client is replaced when the connection is dead.
type amqpSender struct {
	clients conns.Renewed[*client]
	secrets settings.Secrets
}

func newSender(to brokerSettings) *amqpSender {
	s := &amqpSender{secrets: settings.NewSecrets(settings.URLSecrets(to.url)...)}
	s.clients.Open = func(sockets *conns.Sockets) (*client, error) {
		return newClient(to, sockets), nil
	}
	s.clients.Shut = (*client).close
	return s
}

func (s *amqpSender) send(ctx context.Context, message []byte) error {
	err := s.clients.Do(ctx, func(c *client) error { return c.send(ctx, message) })
	if err == nil {
		return nil
	}
	return &delivery.SendError{Kind: errorKind(err), Err: s.secrets.Error(err)}
}

// tooLargeText matches what RabbitMQ says of a message above its limit. The code is the one for a
// queue whose arguments differ.
var tooLargeText = regexp.MustCompile(`message size [0-9]+ .*larger than`)

func errorKind(err error) delivery.Kind {
	answer, ok := errors.AsType[*amqp.Error](err)
	if !ok {
		return delivery.Retry
	}
	switch answer.Code {
	case amqp.PreconditionFailed:
		if tooLargeText.MatchString(answer.Reason) {
			return delivery.Split
		}
		return delivery.RetryAfterFix
	case amqp.AccessRefused, amqp.NotFound, amqp.NotAllowed, amqp.InvalidPath:
		return delivery.RetryAfterFix
	case amqp.ContentTooLarge:
		return delivery.Split
	}
	return delivery.Retry
}
