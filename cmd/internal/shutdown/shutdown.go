// Package shutdown closes the parts of a command in the reverse order of their start.
package shutdown

import (
	"fmt"
	"log/slog"
	"math"
	"time"
)

// A Stack is the parts of a command that are open.
type Stack struct {
	log   *slog.Logger
	parts []part
}

type part struct {
	name  string
	limit time.Duration
	close func() error
}

// defaultLimit is the limit of a part that was pushed without one.
const defaultLimit = 30 * time.Second

// margin is the time that a part has beyond its own limits. Only a fault exceeds it.
const margin = 5 * time.Second

// Beyond returns the limit of a part that has these limits itself: a little more than their sum.
func Beyond(limits ...time.Duration) time.Duration {
	sum := margin
	for _, limit := range limits {
		sum += min(limit, math.MaxInt64-sum) // "no limit" can be the largest duration
	}
	return sum
}

// New returns an empty stack that logs to log.
func New(log *slog.Logger) *Stack { return &Stack{log: log} }

// Push adds a part to the stack. Its close function is called once, and has 30 s.
func (s *Stack) Push(name string, closePart func() error) {
	s.PushWithin(defaultLimit, name, closePart)
}

// PushWithin adds a part whose close function has this limit: after it, the parts below are closed.
func (s *Stack) PushWithin(limit time.Duration, name string, closePart func() error) {
	s.parts = append(s.parts, part{name, limit, closePart})
}

// Close closes all parts, the last one first, also if some fail or do not return. It logs errors:
// at the end of a command there is no other use for them. The stack is empty then.
func (s *Stack) Close() {
	for len(s.parts) > 0 {
		last := len(s.parts) - 1
		p := s.parts[last]
		s.parts = s.parts[:last]
		if err := p.closeWithin(); err != nil {
			s.log.Warn("close failed", "part", p.name, "err", err)
		}
	}
}

// closeWithin calls the close function, and returns an error if it does not return in time.
func (p part) closeWithin() error {
	closed := make(chan error, 1)
	go func() { closed <- p.close() }()
	timer := time.NewTimer(p.limit)
	defer timer.Stop()
	select {
	case err := <-closed:
		return err
	case <-timer.C:
		return fmt.Errorf("not closed after %v", p.limit)
	}
}
