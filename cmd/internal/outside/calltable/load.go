package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// A sample is one call.
type sample struct {
	began time.Time
	took  time.Duration
	err   error
}

// A recorder makes calls at a constant rate and records them. Calls do not wait for each other.
type recorder struct {
	call callFunc

	mu      sync.Mutex
	samples []sample
}

// run calls, rate times a second, until stop is closed, and returns when all calls have ended.
func (r *recorder) run(ctx context.Context, rate int, stop <-chan struct{}) {
	var calls sync.WaitGroup
	defer calls.Wait()
	interval := time.Second / time.Duration(rate)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	begin := time.Now()
	for made := 0; ; {
		// The ticker drops ticks on a busy machine.
		for due := int(time.Since(begin) / interval); made <= due; made++ {
			calls.Go(func() { r.record(ctx) })
		}
		select {
		case <-stop:
			return
		case <-tick.C:
		}
	}
}

func (r *recorder) record(ctx context.Context) {
	began := time.Now()
	err := r.call(ctx)
	s := sample{began, time.Since(began), err}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.samples = append(r.samples, s)
}

// A measurement is a plan that was carried out.
type measurement struct {
	plan    plan
	begins  []time.Time // of the faults
	samples [][]sample  // by system
}

// measure runs the plan while all systems call.
func measure(ctx context.Context, p plan, rate int) (m *measurement, err error) {
	w, err := newWorld(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	var recorders []*recorder
	for _, s := range systems() {
		call, end, openErr := s.open(ctx, w.etcd.Endpoints())
		if openErr != nil {
			return nil, fmt.Errorf("%s: %w", s.name, openErr)
		}
		defer func() { err = errors.Join(err, end()) }()
		if err := ready(ctx, call); err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		recorders = append(recorders, &recorder{call: call})
	}
	m = &measurement{plan: p}
	stop := make(chan struct{})
	var calling sync.WaitGroup
	for _, r := range recorders {
		calling.Go(func() { r.run(ctx, rate, stop) })
	}
	m.begins, err = p.run(ctx, w)
	close(stop)
	calling.Wait()
	for _, r := range recorders {
		m.samples = append(m.samples, r.samples)
	}
	return m, err
}

// run injects the faults, and returns the time at which each began.
func (p plan) run(ctx context.Context, w *world) (begins []time.Time, err error) {
	if err := wait(ctx, p.calm); err != nil {
		return nil, err
	}
	for _, f := range p.faults {
		begin := time.Now()
		begins = append(begins, begin)
		if err := f.inject(ctx, w, p); err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		if err := wait(ctx, f.lasts-time.Since(begin)); err != nil {
			return nil, err
		}
	}
	return begins, nil
}
