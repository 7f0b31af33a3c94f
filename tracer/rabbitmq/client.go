package rabbitmq

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"bookservice/tracer/internal/conns"
)

// brokerSettings are what a client is made from.
type brokerSettings struct {
	url         string
	queue       string
	contentType string
	config      amqp.Config
	tls         func() *tls.Config // of the next connection
}

// A client publishes messages over one connection, which it opens with the first message and again
// when it is lost.
type client struct {
	brokerSettings
	sockets *conns.Sockets

	// sem guards the fields below. Unlike a mutex it can be awaited with a context.
	sem      chan struct{}
	socket   net.Conn
	conn     *amqp.Connection
	channel  *publisher
	declared bool // the queue exists
}

func newClient(to brokerSettings, sockets *conns.Sockets) *client {
	return &client{brokerSettings: to, sockets: sockets, sem: make(chan struct{}, 1)}
}

// send publishes the message and waits for the broker's confirmation.
func (c *client) send(ctx context.Context, message []byte) error {
	confirmed, err := c.publish(ctx, message)
	if ctx.Err() != nil {
		return ctx.Err() // err would only say that the socket is closed
	}
	if err != nil {
		return err
	}
	select {
	case err = <-confirmed:
	case <-ctx.Done():
		return ctx.Err()
	}
	if errors.Is(err, errNoRoute) {
		c.forgetQueue(ctx)
	}
	return err
}

// publish closes the socket when ctx ends, because the library's calls do not take a context: a
// broker that is short of memory stops reading, and one that hangs does not answer.
func (c *client) publish(ctx context.Context, message []byte) (<-chan error, error) {
	if err := c.lock(ctx); err != nil {
		return nil, err
	}
	defer c.unlock()
	if c.conn == nil || c.conn.IsClosed() {
		if err := c.connect(ctx); err != nil {
			return nil, err
		}
	}
	defer closeOnDone(ctx, c.socket)()
	if !c.declared {
		if err := declare(c.conn, c.queue); err != nil {
			return nil, err
		}
		c.declared = true
	}
	if c.channel == nil || c.channel.IsClosed() {
		channel, err := newPublisher(c.conn)
		if err != nil {
			return nil, err
		}
		c.channel = channel
	}
	confirmed, err := c.channel.publish(ctx, c.queue, amqp.Publishing{
		ContentType: c.contentType, DeliveryMode: amqp.Persistent, Body: message,
	})
	if err != nil && !c.channel.IsClosed() { // the message may have been sent in part
		_ = c.socket.Close()
		c.conn = nil
	}
	return confirmed, err
}

func (c *client) lock(ctx context.Context) error {
	select {
	case c.sem <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *client) unlock() { <-c.sem }

// forgetQueue makes the next message declare the queue again.
func (c *client) forgetQueue(ctx context.Context) {
	if c.lock(ctx) == nil {
		c.declared = false
		c.unlock()
	}
}

// closeOnDone closes the socket when ctx ends, unless stop is called before.
func closeOnDone(ctx context.Context, socket net.Conn) (stop func() bool) {
	return context.AfterFunc(ctx, func() { _ = socket.Close() })
}

// connect replaces the connection. The library ends what belongs to the old one.
func (c *client) connect(ctx context.Context) error {
	if c.socket != nil {
		_ = c.socket.Close()
	}
	c.conn, c.channel, c.declared = nil, nil, false
	uri, err := amqp.ParseURI(c.url)
	if err != nil {
		return err
	}
	address := net.JoinHostPort(uri.Host, strconv.Itoa(uri.Port))
	if c.socket, err = c.sockets.Dial(ctx, "tcp", address); err != nil {
		return err
	}
	defer closeOnDone(ctx, c.socket)()
	config := c.config
	config.Dial = func(string, string) (net.Conn, error) { return c.socket, nil }
	config.TLSClientConfig = c.tls().Clone() // the library adds to it
	conn, err := amqp.DialConfig(c.url, config)
	if err != nil { // conn is not open: closing it would wait for an answer
		_ = c.socket.Close()
		return err
	}
	c.conn = conn
	return nil
}

// closeTimeout limits the wait for the broker's answer when the connection is closed.
const closeTimeout = time.Second

// close closes the connection.
func (c *client) close() {
	c.sem <- struct{}{}
	defer c.unlock()
	if c.conn != nil {
		_ = c.conn.CloseDeadline(time.Now().Add(closeTimeout))
	}
}

// declare makes sure that the queue exists. It asks first: a queue that exists is used as it is,
// and a user who may only publish must not declare it. The broker closes a channel on which it
// refuses a request.
func declare(conn *amqp.Connection, queue string) error {
	err := onChannel(conn, func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclarePassive(queue, true, false, false, false, nil)
		return err
	})
	switch {
	case err == nil, conn.IsClosed():
		return err
	case !hasCode(err, amqp.NotFound):
		return nil // the user may not ask; the message is returned if there is no queue
	}
	err = onChannel(conn, func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclare(queue, true, false, false, false, nil)
		return err
	})
	if hasCode(err, amqp.PreconditionFailed) || hasCode(err, amqp.ResourceLocked) {
		return nil // another process has declared it meanwhile
	}
	if err != nil {
		return fmt.Errorf("queue %q does not exist and cannot be declared: %w", queue, err)
	}
	return nil
}

// onChannel calls f with a channel that it closes.
func onChannel(conn *amqp.Connection, f func(*amqp.Channel) error) error {
	channel, err := conn.Channel()
	if err != nil {
		return err
	}
	if err := f(channel); err != nil {
		return err
	}
	return channel.Close()
}

func hasCode(err error, code int) bool {
	answer, ok := errors.AsType[*amqp.Error](err)
	return ok && answer.Code == code
}
