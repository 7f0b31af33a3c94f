package rabbitmq

import (
	"context"
	"errors"
	"net"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"bookservice/tracer/delivery"
)

// closeTimeout limits the wait for the broker's answer when a connection is closed.
const closeTimeout = time.Second

// An amqpSender publishes messages over one connection, which it replaces when it is lost.
type amqpSender struct {
	url         string
	queue       string
	contentType string
	config      amqp.Config

	// sem guards the fields below. Unlike a mutex it can be awaited with a context.
	sem     chan struct{}
	socket  net.Conn
	conn    *amqp.Connection
	channel *amqp.Channel
}

func (s *amqpSender) send(ctx context.Context, message []byte) error {
	confirmation, err := s.publish(ctx, message)
	if ctx.Err() != nil {
		return ctx.Err() // err would only say that the socket is closed
	}
	if err != nil {
		return &delivery.SendError{Kind: errorKind(err), Err: err}
	}
	confirmed, err := confirmation.WaitContext(ctx)
	switch {
	case err != nil:
		return err
	case !confirmed:
		return errors.New("the broker did not confirm the message")
	}
	return nil
}

// publish closes the socket when ctx ends, because the library's calls do not take a context. A
// broker that is short of memory stops reading, and a hanging one does not answer.
func (s *amqpSender) publish(
	ctx context.Context, message []byte,
) (*amqp.DeferredConfirmation, error) {
	select {
	case s.sem <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-s.sem }()
	if s.channel == nil || s.channel.IsClosed() {
		if err := s.connect(ctx); err != nil {
			return nil, err
		}
	}
	defer closeOnDone(ctx, s.socket)()
	return s.channel.PublishWithDeferredConfirmWithContext(ctx, "", s.queue, false, false,
		amqp.Publishing{ContentType: s.contentType, DeliveryMode: amqp.Persistent, Body: message})
}

// closeOnDone closes the socket when ctx ends, unless stop is called before.
func closeOnDone(ctx context.Context, socket net.Conn) (stop func() bool) {
	return context.AfterFunc(ctx, func() { _ = socket.Close() })
}

// connect replaces the connection. It declares the queue with the arguments of Zipkin's collector.
func (s *amqpSender) connect(ctx context.Context) (err error) {
	s.disconnect()
	if s.socket, err = s.dial(ctx); err != nil {
		return err
	}
	defer closeOnDone(ctx, s.socket)()
	config := s.config
	config.Dial = func(string, string) (net.Conn, error) { return s.socket, nil }
	conn, err := amqp.DialConfig(s.url, config)
	if err != nil { // conn is not open: closing it would wait for an answer
		_ = s.socket.Close()
		return err
	}
	s.conn = conn
	channel, err := s.conn.Channel()
	if err == nil {
		err = channel.Confirm(false)
	}
	if err == nil {
		_, err = channel.QueueDeclare(s.queue, true, false, false, false, nil)
	}
	if err != nil {
		s.disconnect()
		return err
	}
	s.channel = channel
	return nil
}

func (s *amqpSender) dial(ctx context.Context) (net.Conn, error) {
	uri, err := amqp.ParseURI(s.url)
	if err != nil {
		return nil, err
	}
	address := net.JoinHostPort(uri.Host, strconv.Itoa(uri.Port))
	return (&net.Dialer{}).DialContext(ctx, "tcp", address)
}

// disconnect closes the connection and its channel.
func (s *amqpSender) disconnect() {
	if s.conn != nil {
		_ = s.conn.CloseDeadline(time.Now().Add(closeTimeout))
	}
	s.conn, s.channel = nil, nil
}

func (s *amqpSender) close() {
	s.sem <- struct{}{}
	defer func() { <-s.sem }()
	s.disconnect()
}

func errorKind(err error) delivery.Kind {
	answer, ok := errors.AsType[*amqp.Error](err)
	if !ok {
		return delivery.Retry
	}
	switch answer.Code {
	case amqp.AccessRefused, amqp.NotFound, amqp.NotAllowed, amqp.PreconditionFailed,
		amqp.InvalidPath:
		return delivery.RetryAfterFix
	case amqp.ContentTooLarge:
		return delivery.Split
	}
	return delivery.Retry
}
