package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"
)

var (
	errNotConfirmed = errors.New("the broker did not confirm the message")
	errNoRoute      = errors.New("the broker returned the message")
)

// A publisher is a channel on which the broker confirms messages. It returns those that no queue
// takes: without the flag mandatory it would confirm and drop them.
type publisher struct {
	*amqp.Channel

	mu       sync.Mutex
	pending  map[uint64]chan<- error // by delivery tag
	returned map[uint64]error        // of pending messages
}

func newPublisher(conn *amqp.Connection) (*publisher, error) {
	channel, err := conn.Channel()
	if err != nil {
		return nil, err
	}
	if err := channel.Confirm(false); err != nil {
		return nil, err
	}
	p := &publisher{
		Channel: channel, pending: map[uint64]chan<- error{}, returned: map[uint64]error{},
	}
	go p.run(channel.NotifyReturn(make(chan amqp.Return)),
		channel.NotifyPublish(make(chan amqp.Confirmation)),
		channel.NotifyClose(make(chan *amqp.Error, 1)))
	return p, nil
}

// run handles the broker's frames until the channel is closed. The library delivers them in order,
// because the channels have no buffers: a message is returned before it is confirmed.
func (p *publisher) run(
	returns <-chan amqp.Return, confirmations <-chan amqp.Confirmation, closed <-chan *amqp.Error,
) {
	for returns != nil || confirmations != nil {
		select {
		case r, ok := <-returns:
			if !ok {
				returns = nil
				continue
			}
			p.setReturned(r)
		case c, ok := <-confirmations:
			if !ok {
				confirmations = nil
				continue
			}
			p.confirm(c)
		}
	}
	p.fail(<-closed)
}

func (p *publisher) setReturned(r amqp.Return) {
	tag, err := strconv.ParseUint(r.MessageId, 10, 64)
	if err != nil {
		return // not ours
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.returned[tag] = fmt.Errorf("%w: %d %s", errNoRoute, r.ReplyCode, r.ReplyText)
}

func (p *publisher) confirm(c amqp.Confirmation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	err := p.returned[c.DeliveryTag]
	delete(p.returned, c.DeliveryTag)
	if err == nil && !c.Ack {
		err = errNotConfirmed
	}
	if result, ok := p.pending[c.DeliveryTag]; ok {
		result <- err
		delete(p.pending, c.DeliveryTag)
	}
}

// fail ends the wait for all confirmations. cause is nil if the channel was closed by this process.
func (p *publisher) fail(cause *amqp.Error) {
	if cause == nil {
		cause = amqp.ErrClosed
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for tag, result := range p.pending {
		result <- cause
		delete(p.pending, tag)
	}
}

// publish publishes to the default exchange, which passes the message to the queue. The result
// arrives on the channel. The caller does not call publish concurrently.
func (p *publisher) publish(
	ctx context.Context, queue string, m amqp.Publishing,
) (<-chan error, error) {
	result := make(chan error, 1)
	tag := p.GetNextPublishSeqNo()
	m.MessageId = strconv.FormatUint(tag, 10)
	p.mu.Lock()
	p.pending[tag] = result
	p.mu.Unlock()
	if err := p.PublishWithContext(ctx, "", queue, true, false, m); err != nil {
		p.mu.Lock()
		delete(p.pending, tag)
		p.mu.Unlock()
		return nil, err
	}
	return result, nil
}
