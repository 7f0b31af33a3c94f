package discovery

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-kit/kit/sd"
)

// ErrNoInstances is what Wait returns when the service was there to be asked and
// had no instance.
var ErrNoInstances = errors.New("no instances")

// Wait returns nil as soon as the instancer knows one instance at least. When ctx
// is over before that, the error is one line that says where nothing was found,
// for which errors.Is reports ErrNoInstances, or what did not answer; it wraps
// the error of ctx as well. An instancer that is stopped meanwhile gives
// ErrClosed.
func Wait(ctx context.Context, instancer sd.Instancer) error {
	events := make(chan sd.Event, 1)
	instancer.Register(events)
	defer leave(instancer, events)

	var stopped <-chan struct{} // nil, and so never ready, for other instancers
	ours, _ := instancer.(located)
	if ours != nil {
		stopped = ours.stopped()
	}
	var last *sd.Event
	for {
		select {
		case event := <-events:
			if last = &event; len(event.Instances) > 0 {
				return nil
			}
		case <-stopped:
			return fmt.Errorf("discovery: wait for an instance: %w", ErrClosed)
		case <-ctx.Done():
			return waitError(ours, last, ctx.Err())
		}
	}
}

// leave receives while it deregisters: other instancers than ours may hold their
// lock while they send.
func leave(instancer sd.Instancer, events chan sd.Event) {
	left := make(chan struct{})
	go func() {
		for {
			select {
			case <-events:
			case <-left:
				return
			}
		}
	}()
	instancer.Deregister(events)
	close(left)
}

// located is what our instancers tell beside the events.
type located interface {
	// place says where instances are looked for, and what is asked for them.
	place() (where, source string)
	// stopped is closed by Stop.
	stopped() <-chan struct{}
}

func waitError(ours located, last *sd.Event, cause error) error {
	where, source := "is known", "the instancer"
	if ours != nil {
		where, source = ours.place()
	}
	switch {
	case last == nil:
		return fmt.Errorf("discovery: %s did not answer: %w", source, cause)
	case last.Err != nil:
		return &waitFailure{withPrefix(last.Err), []error{last.Err, cause}}
	default:
		return &waitFailure{"discovery: no instance " + where, []error{ErrNoInstances, cause}}
	}
}

// withPrefix names this package in errors of other instancers; ours name it.
func withPrefix(err error) string {
	return "discovery: " + strings.TrimPrefix(err.Error(), "discovery: ")
}

// A waitFailure has one line to read and several errors to ask for.
type waitFailure struct {
	line   string
	causes []error
}

func (f *waitFailure) Error() string   { return f.line }
func (f *waitFailure) Unwrap() []error { return f.causes }
