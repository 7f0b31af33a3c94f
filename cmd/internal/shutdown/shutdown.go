// Package shutdown closes the parts of a command in the reverse order of their start.
package shutdown

import "log/slog"

// A Stack is the parts of a command that are open.
type Stack struct {
	log   *slog.Logger
	parts []part
}

type part struct {
	name  string
	close func() error
}

// New returns an empty stack that logs to log.
func New(log *slog.Logger) *Stack { return &Stack{log: log} }

// Push adds a part to the stack. Its close function is called once.
func (s *Stack) Push(name string, closePart func() error) {
	s.parts = append(s.parts, part{name, closePart})
}

// Close closes all parts, the last one first. It logs errors: at the end of a command there is no
// other use for them. The stack is empty then.
func (s *Stack) Close() {
	for len(s.parts) > 0 {
		last := len(s.parts) - 1
		p := s.parts[last]
		s.parts = s.parts[:last]
		if err := p.close(); err != nil {
			s.log.Warn("close failed", "part", p.name, "err", err)
		}
	}
}
