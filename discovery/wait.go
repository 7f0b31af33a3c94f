package discovery

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-kit/kit/sd"
)

// ErrNoInstances is the error of [Wait] if the service was read and had no instance.
var ErrNoInstances = errors.New("no instances")

// Wait waits until the instancer has at least one instance. It works on every [sd.Instancer].
//
// If ctx ends first, the error is one line. It wraps the error of ctx and, depending on the cause,
// [ErrNoInstances] or the error of the instancer. If an instancer of this package is stopped, the
// error wraps [ErrClosed].
func Wait(ctx context.Context, instancer sd.Instancer) error {
	events := make(chan sd.Event, 1)
	instancer.Register(events)
	defer deregister(instancer, events)

	var stopped <-chan struct{} // stays nil, which blocks, for other instancers
	ours, _ := instancer.(locator)
	if ours != nil {
		stopped = ours.stopped()
	}
	var last *sd.Event
	for {
		select {
		case e := <-events:
			if last = &e; len(e.Instances) > 0 {
				return nil
			}
		case <-stopped:
			return fmt.Errorf("discovery: wait for an instance: %w", ErrClosed)
		case <-ctx.Done():
			return newWaitError(ours, last, ctx.Err())
		}
	}
}

// deregister deregisters events and drains it meanwhile: an instancer of another package may hold a
// lock while it sends.
func deregister(instancer sd.Instancer, events chan sd.Event) {
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-events:
			case <-done:
				return
			}
		}
	}()
	instancer.Deregister(events)
	close(done)
}

// A locator is an instancer of this package.
type locator interface {
	// location returns where instances are looked for ("under KEY on SOURCE") and their source.
	location() (where, source string)
	// failure returns why the source does not answer, in parentheses after a space, or "".
	failure() string
	// stopped returns a channel that Stop closes.
	stopped() <-chan struct{}
}

// newWaitError returns the error of Wait after ctx has ended with cause. The locator is nil for
// instancers of other packages, last is nil if there was no event.
func newWaitError(l locator, last *sd.Event, cause error) error {
	where, source, failure := "is known", "the instancer", ""
	if l != nil {
		where, source = l.location()
		failure = l.failure()
	}
	switch {
	case last == nil:
		return fmt.Errorf("discovery: %s did not answer: %w%s", source, cause, failure)
	case last.Err != nil:
		return &waitError{withPrefix(last.Err), []error{last.Err, cause}}
	default:
		return &waitError{"discovery: no instance " + where, []error{ErrNoInstances, cause}}
	}
}

// withPrefix returns the text of err beginning with the name of this package.
func withPrefix(err error) string {
	return "discovery: " + strings.TrimPrefix(err.Error(), "discovery: ")
}

// A waitError wraps several errors. Its text is that of no error among them.
type waitError struct {
	text   string
	causes []error
}

func (e *waitError) Error() string   { return e.text }
func (e *waitError) Unwrap() []error { return e.causes }
