package tracer

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"bookservice/tracer/delivery"
)

// A queuedSink encodes finished spans into a queue, from which a transport takes them to their destination.
type queuedSink struct {
	name    string // for errors
	encode  func(b []byte, f *finished) []byte
	queue   *delivery.Queue
	flush   time.Duration
	release func() // frees what the transport holds
	once    sync.Once
}

// A transport is one way to a destination.
type transport struct {
	kind    string // which spool is its own: another kind's records mean nothing to it
	shown   string // the destination, without credentials
	encode  func(b []byte, f *finished) []byte
	send    delivery.SendFunc
	release func()
}

func newQueuedSink(backend string, t transport, c Config, o options) (sink, error) {
	s := &queuedSink{name: backend + " " + t.shown, encode: t.encode, flush: c.FlushTimeout, release: t.release}
	var err error
	s.queue, err = delivery.New(c.Delivery.queue(t.kind), t.send, o.log.With("backend", backend, "to", t.shown))
	if err != nil {
		t.release()
		return nil, fmt.Errorf("tracer: %s: %w", backend, err)
	}
	return s, nil
}

func (s *queuedSink) consume(f *finished) {
	f.buf = s.encode(f.buf[:0], f)
	s.queue.Add(f.buf)
}

// Close implements sink.
func (s *queuedSink) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.flush)
	defer cancel()
	err := s.queue.Close(ctx)
	s.once.Do(s.release)
	if err != nil {
		return fmt.Errorf("tracer: %s: %w", s.name, err)
	}
	return nil
}

func (s *queuedSink) stats() delivery.Stats { return s.queue.Stats() }

// queue returns the settings of one sink's queue. Each has a spool of its own.
func (d DeliveryConfig) queue(kind string) delivery.Config {
	c := delivery.Config{QueueBytes: d.QueueBytes, Senders: d.Senders, SpoolBytes: d.SpoolBytes, SpoolSync: d.SpoolSync}
	if d.Spool != "" {
		c.Spool = filepath.Join(d.Spool, kind)
	}
	return c
}
