//go:build unix

package faults

import (
	"fmt"
	"syscall"
)

func (m *member) pause() error { return m.signal(syscall.SIGSTOP) }

func (m *member) resume() error { return m.signal(syscall.SIGCONT) }

func (m *member) signal(s syscall.Signal) error {
	if m.cmd == nil {
		return fmt.Errorf("faults: %v: member %s is stopped", s, m.Name)
	}
	if err := m.cmd.Process.Signal(s); err != nil {
		return fmt.Errorf("faults: %v: member %s: %w", s, m.Name, err)
	}
	return nil
}
