package client

import (
	"errors"
	"log/slog"

	"github.com/go-kit/kit/sd"
	"github.com/go-kit/log"

	"bookservice/service/internal/kitlog"
)

// errSync is the error of the events that a syncInstancer adds.
var errSync = errors.New("sync")

// A syncInstancer is an instancer whose Register and Deregister return after go-kit's endpointer
// has processed the events before them. The channel is unbuffered, and the endpointer receives an
// event only after it has processed the previous one. An event with an error changes nothing in the
// endpointer, so it can follow as a barrier.
type syncInstancer struct{ sd.Instancer }

func (s syncInstancer) Register(ch chan<- sd.Event) {
	s.Instancer.Register(ch)
	ch <- sd.Event{Err: errSync}
}

func (s syncInstancer) Deregister(ch chan<- sd.Event) {
	s.Instancer.Deregister(ch)
	ch <- sd.Event{Err: errSync}
}

// endpointerLogger returns the logger of go-kit's endpointer: errors of discovery, and errors of
// the pool's factory.
func endpointerLogger(logger *slog.Logger) log.Logger {
	next := kitlog.New(logger, slog.LevelWarn, "discovery")
	return log.LoggerFunc(func(keyvals ...any) error {
		if err, ok := keyvals[len(keyvals)-1].(error); ok && errors.Is(err, errSync) {
			return nil
		}
		return next.Log(keyvals...)
	})
}
