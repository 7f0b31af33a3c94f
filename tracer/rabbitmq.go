package tracer

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"bookservice/tracer/delivery"
)

// RabbitMQConfig is for the zipkin backend by way of RabbitMQ, from which Zipkin's collectors read. Spans count as sent
// when the broker has confirmed them.
type RabbitMQConfig struct {
	URL   string // amqp:// or amqps://, with user, password and virtual host
	Queue string // is made, durable, if it is not there
}

func (r *RabbitMQConfig) registerFlags(fs *flag.FlagSet) {
	fs.StringVar(&r.URL, "rabbitmq-url", r.URL, "broker for -zipkin-transport rabbitmq: amqp://user:password@host:port/vhost, or amqps://")
	fs.StringVar(&r.Queue, "rabbitmq-queue", r.Queue, "queue that Zipkin's collectors read")
}

func (r RabbitMQConfig) check() error {
	if _, err := amqp.ParseURI(r.URL); err != nil {
		return fmt.Errorf("rabbitmq-url %q: must be like amqp://user:password@127.0.0.1:5672/", withoutPassword(r.URL))
	}
	if r.Queue == "" {
		return errors.New("rabbitmq-queue is empty")
	}
	return nil
}

func openRabbitMQ(c Config) (transport, error) {
	tlsConfig, err := c.Zipkin.tls()
	if err != nil {
		return transport{}, err
	}
	p := &publisher{cfg: c.Zipkin, broker: c.RabbitMQ, turn: make(chan struct{}, 1), config: amqp.Config{
		Heartbeat: 10 * time.Second, TLSClientConfig: tlsConfig, Locale: "en_US",
		Properties: amqp.Table{"connection_name": c.ServiceName},
	}}
	return transport{shown: withoutPassword(c.RabbitMQ.URL) + " " + c.RabbitMQ.Queue, send: p.send, release: p.close}, nil
}

// A publisher publishes each batch as one message, over a connection that it makes again whenever it is lost.
type publisher struct {
	cfg    ZipkinConfig
	broker RabbitMQConfig
	config amqp.Config

	turn    chan struct{} // held by who uses what is below
	socket  net.Conn
	conn    *amqp.Connection
	channel *amqp.Channel
}

func (p *publisher) send(ctx context.Context, batch delivery.Batch) error {
	ctx, cancel := context.WithTimeout(ctx, postTimeout)
	defer cancel()
	confirmation, err := p.publish(ctx, batch)
	if ctx.Err() != nil {
		return ctx.Err() // rather than that the socket is closed
	}
	if err != nil {
		return &delivery.SendError{Kind: rabbitKind(err), Err: err}
	}
	taken, err := confirmation.WaitContext(ctx)
	switch {
	case err != nil:
		return err
	case !taken:
		return errors.New("the broker did not confirm")
	}
	return nil
}

// publish ends with ctx, which the library's calls do not know: a broker that is short of memory stops reading, and one that
// hangs does not answer. The socket is closed then.
func (p *publisher) publish(ctx context.Context, batch delivery.Batch) (*amqp.DeferredConfirmation, error) {
	select {
	case p.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-p.turn }()
	if p.channel == nil || p.channel.IsClosed() {
		if err := p.connect(ctx); err != nil {
			return nil, err
		}
	}
	defer closeAtEnd(ctx, p.socket)()
	return p.channel.PublishWithDeferredConfirmWithContext(ctx, "", p.broker.Queue, false, false, amqp.Publishing{
		ContentType: p.cfg.contentType(), DeliveryMode: amqp.Persistent, Body: p.cfg.message(batch)})
}

// closeAtEnd closes the socket when ctx ends, until it is told to stop.
func closeAtEnd(ctx context.Context, socket net.Conn) (stop func() bool) {
	return context.AfterFunc(ctx, func() { _ = socket.Close() })
}

// connect replaces the connection. The queue is declared as Zipkin's collector does.
func (p *publisher) connect(ctx context.Context) (err error) {
	p.disconnect()
	if p.socket, err = p.dial(ctx); err != nil {
		return err
	}
	defer closeAtEnd(ctx, p.socket)()
	config := p.config
	config.Dial = func(string, string) (net.Conn, error) { return p.socket, nil }
	conn, err := amqp.DialConfig(p.broker.URL, config)
	if err != nil { // what comes with it is no connection to say goodbye to
		_ = p.socket.Close()
		return err
	}
	p.conn = conn
	channel, err := p.conn.Channel()
	if err == nil {
		err = channel.Confirm(false)
	}
	if err == nil {
		_, err = channel.QueueDeclare(p.broker.Queue, true, false, false, false, nil)
	}
	if err != nil {
		p.disconnect()
		return err
	}
	p.channel = channel
	return nil
}

func (p *publisher) dial(ctx context.Context) (net.Conn, error) {
	uri, err := amqp.ParseURI(p.broker.URL)
	if err != nil {
		return nil, err
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(uri.Host, strconv.Itoa(uri.Port)))
}

// farewell is how long a broker has to answer a goodbye.
const farewell = time.Second

func (p *publisher) disconnect() {
	if p.conn != nil {
		_ = p.conn.CloseDeadline(time.Now().Add(farewell)) // with its channel
	}
	p.conn, p.channel = nil, nil
}

func (p *publisher) close() {
	p.turn <- struct{}{}
	defer func() { <-p.turn }()
	p.disconnect()
}

func rabbitKind(err error) delivery.Kind {
	var answer *amqp.Error
	if !errors.As(err, &answer) {
		return delivery.Retry
	}
	switch answer.Code {
	case amqp.AccessRefused, amqp.NotFound, amqp.NotAllowed, amqp.PreconditionFailed, amqp.InvalidPath:
		return delivery.RetryAfterFix
	case amqp.ContentTooLarge:
		return delivery.Split
	}
	return delivery.Retry
}
