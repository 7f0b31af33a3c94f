package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"sync"
	"syscall"
)

// A server is a bookserver process on a fixed port. It may be started again after it has ended.
type server struct {
	path            string
	etcd            []string
	addr, advertise string

	cmd  *exec.Cmd // nil before the first start
	logs *logBuffer
	done chan struct{} // closed when the process has ended
}

// start starts the process and waits until it is registered.
func (s *server) start(ctx context.Context) error {
	cmd := exec.CommandContext(context.WithoutCancel(ctx), s.path, // kill ends it
		"-grpc-addr", s.addr, "-advertise", s.advertise, "-etcd", strings.Join(s.etcd, ","))
	logs, done := &logBuffer{}, make(chan struct{})
	cmd.Stderr = logs
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start a server: %w", err)
	}
	s.cmd, s.logs, s.done = cmd, logs, done
	go func() {
		defer close(done)
		_ = cmd.Wait() // it is ended by a signal
	}()
	ctx, cancel := context.WithTimeout(ctx, setupLimit)
	defer cancel()
	for !logs.has("msg=serving") {
		select {
		case <-done:
			return fmt.Errorf("server %s has ended: %.2000s", s.addr, logs)
		default:
		}
		if err := wait(ctx, pollInterval); err != nil {
			return fmt.Errorf("server %s does not serve: %w: %.2000s", s.addr, err, logs)
		}
	}
	return nil
}

func (s *server) signal(sig syscall.Signal) error {
	if err := s.cmd.Process.Signal(sig); err != nil {
		return fmt.Errorf("%v: server %s: %w", sig, s.addr, err)
	}
	return nil
}

// end sends a signal and waits for the end of the process.
func (s *server) end(ctx context.Context, sig syscall.Signal) error {
	if err := s.signal(sig); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, setupLimit)
	defer cancel()
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("server %s has not ended: %w: %.2000s", s.addr, ctx.Err(), s.logs)
	}
}

// kill ends the process, if it runs, also one that is stopped.
func (s *server) kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill() // has no effect on a process that has ended
	<-s.done
}

// freeAddress returns an address of 127.0.0.1 on which no other process listens now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// A logBuffer has the log of a process. Its methods may be called concurrently.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements [io.Writer].
func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logBuffer) has(text string) bool { return strings.Contains(l.String(), text) }
