package client

import (
	"errors"
	"log/slog"

	"bookservice/service/bookendpoint"

	"github.com/go-kit/kit/sd"
	"github.com/go-kit/log"
)

// errSettled is an event without a meaning of its own.
var errSettled = errors.New("settled")

// settled is an instancer whose events are in force when Register and Deregister return. go-kit's endpointer has only
// taken an event off the channel by then; when it takes another, it is done with the one before.
type settled struct{ sd.Instancer }

func (s settled) Register(ch chan<- sd.Event) {
	s.Instancer.Register(ch)
	ch <- sd.Event{Err: errSettled} // to an endpointer an error changes nothing
}

func (s settled) Deregister(ch chan<- sd.Event) {
	s.Instancer.Deregister(ch)
	ch <- sd.Event{Err: errSettled}
}

// endpointerLogger logs what go-kit's endpointer has to say: faults of discovery, and of connecting to an instance.
func endpointerLogger(logger *slog.Logger) log.Logger {
	next := bookendpoint.KitLogger(logger, slog.LevelWarn, "discovery")
	return log.LoggerFunc(func(keyvals ...any) error {
		if keyvals[len(keyvals)-1] == errSettled {
			return nil
		}
		return next.Log(keyvals...)
	})
}
