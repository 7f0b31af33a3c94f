package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"bookservice/cmd/bookbench/internal/side"
	"bookservice/configs"
)

// runLimit is the longest time of a run. It ends a run that hangs.
const runLimit = 10 * time.Minute

// settleLimit is how long a run waits for the spans of its warm-up.
const settleLimit = 3 * time.Second

// A plan says how to run a row once.
type plan struct {
	row      row
	callers  int
	calls    int // that are measured
	warm     int // before these
	books    int
	delay    time.Duration     // of the collector's answers
	settle   bool              // wait for the spans of the warm-up
	programs map[string]string // files by folder
}

// A sample is the result of a run.
type sample struct {
	CPU     time.Duration // of server and client, per call
	Wall    time.Duration // per call
	Allocs  float64       // of server and client, per call
	Bytes   float64       // the same
	PeakRSS uint64        // of the server
	Lost    float64       // share of the spans, 0 to 1
	Problem string        // why the sample does not count; empty if it does
}

// run starts the three processes of a row, makes the calls, and ends the processes.
func (p plan) run(ctx context.Context) (sample, error) {
	ctx, cancel := context.WithTimeout(ctx, runLimit)
	defer cancel()
	var started []*child
	defer func() {
		for _, c := range started {
			c.end()
		}
	}()
	for _, role := range []string{side.RoleCollector, side.RoleServer, side.RoleClient} {
		folder := map[string]string{
			side.RoleServer: p.row.server, side.RoleClient: p.row.client,
		}[role]
		c, err := startChild(ctx, p.programs[folder], role)
		if err != nil {
			return sample{}, err
		}
		started = append(started, c)
	}
	s, err := p.measure(started[0], started[1], started[2])
	if err != nil {
		return sample{}, fmt.Errorf("%s, %d callers: %w", p.row.name, p.callers, err)
	}
	return s, nil
}

// measure makes the calls of a run, with processes that have not got an order yet.
func (p plan) measure(collector, server, client *child) (sample, error) {
	s := side.Settings{
		Row: p.row.name, Books: p.books, Calls: p.warm + p.calls, Delay: p.delay,
		Heap: configs.DefaultServer().HeapBytes,
	}
	to, err := collector.ask(side.Order{Do: "start", Settings: s})
	if err != nil {
		return sample{}, err
	}
	s.Zipkin, s.OTLP = to.Zipkin, to.OTLP
	at, err := server.ask(side.Order{Do: "start", Settings: s})
	if err != nil {
		return sample{}, err
	}
	if _, err := client.ask(side.Order{Do: "start", Settings: s, Server: at.Addr}); err != nil {
		return sample{}, err
	}
	warmed, err := client.ask(side.Order{Do: "call", Calls: p.warm, Callers: p.callers})
	if err != nil {
		return sample{}, err
	}
	if err := p.await(collector, server, client); err != nil {
		return sample{}, err
	}
	for _, c := range []*child{server, client} {
		if _, err := c.ask(side.Order{Do: "begin"}); err != nil {
			return sample{}, err
		}
	}
	called, err := client.ask(side.Order{Do: "call", Calls: p.calls, Callers: p.callers})
	if err != nil {
		return sample{}, err
	}
	// The client ends first: its connection is gone when the server drains. An error of an end is
	// one of sending the last spans, which are counted.
	byClient, errClient := client.ask(side.Order{Do: "end"})
	byServer, errServer := server.ask(side.Order{Do: "end"})
	counted, err := collector.ask(side.Order{Do: "count", Spans: p.row.spans})
	if err != nil {
		return sample{}, err
	}
	return p.judge(warmed, called, byClient, byServer, counted.Tally,
		errors.Join(errClient, errServer)), nil
}

// await lets the spans of the warm-up arrive, so that they are no part of the measurement.
func (p plan) await(collector, server, client *child) error {
	if !p.settle || p.row.spans == 0 {
		return nil
	}
	for _, c := range []*child{server, client} {
		if _, err := c.ask(side.Order{Do: "flush"}); err != nil {
			return err
		}
	}
	want := int(float64(p.warm*p.row.spans) * p.row.share)
	limit := time.After(settleLimit)
	for tick := time.Tick(50 * time.Millisecond); ; {
		r, err := collector.ask(side.Order{Do: "count", Spans: p.row.spans})
		if err != nil || r.Tally.Spans >= want {
			return err
		}
		select {
		case <-limit: // the spans are lost, or their number is random
			return nil
		case <-tick:
		}
	}
}

// judge makes a sample of the reports.
func (p plan) judge(warmed, called, client, server report, t tally, closed error) sample {
	used := client.Usage.Plus(server.Usage)
	n := float64(p.calls)
	s := sample{
		CPU: used.CPU / time.Duration(p.calls), Wall: called.Wall / time.Duration(p.calls),
		Allocs: float64(used.Mallocs) / n, Bytes: float64(used.Bytes) / n,
		PeakRSS: server.Usage.PeakRSS,
	}
	if want := (p.warm + p.calls) * p.row.spans; want > 0 && p.row.share == 1 {
		s.Lost = max(0, float64(want-t.Spans)/float64(want))
	}
	failed := warmed.Failed + called.Failed
	verdict := t.verdict(p.row, p.warm+p.calls)
	switch {
	case failed > 0:
		s.Problem = fmt.Sprintf("%d of %d calls failed: %s", failed, p.warm+p.calls,
			warmed.Problem+called.Problem)
	case verdict != "":
		s.Problem = verdict
	case closed != nil:
		s.Problem = "close: " + closed.Error()
	}
	return s
}

// A child is one of the three processes of a run, as the command sees it.
type child struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	in     *json.Encoder
	out    *json.Decoder
	pipe   io.Closer
	output tail
}

// startChild starts a process of a run: of this program, if program is empty. Reports come by a
// pipe of their own, because libraries print to the other streams.
func startChild(ctx context.Context, program, role string) (*child, error) {
	if program == "" {
		var err error
		if program, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	reports, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = write.Close() }() // the process has a copy
	c := &child{cmd: exec.CommandContext(ctx, program, role), pipe: reports}
	// Variables of OpenTelemetry would change the settings of the peers.
	c.cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "OTEL_")
	})
	// With the race detector, a process would wait for 1 s at its end.
	c.cmd.Env = append(c.cmd.Env, "GORACE=atexit_sleep_ms=0")
	c.cmd.Stdout, c.cmd.Stderr = &c.output, &c.output
	c.cmd.ExtraFiles = []*os.File{write}
	stdin, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	c.stdin, c.in, c.out = stdin, json.NewEncoder(stdin), json.NewDecoder(reports)
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	return c, nil
}

// ask sends an order and waits for the report.
func (c *child) ask(o side.Order) (report, error) {
	var r report
	err := c.in.Encode(o)
	if err == nil {
		err = c.out.Decode(&r)
	}
	if err != nil {
		return r, fmt.Errorf("%s: %s: %w\n%s", c.cmd.Args[1], o.Do, err, c.output.String())
	}
	if r.Err != "" {
		return r, fmt.Errorf("%s: %s: %s", c.cmd.Args[1], o.Do, r.Err)
	}
	return r, nil
}

// end ends the process and waits for its end. Its exit status says nothing that a report has not
// said.
func (c *child) end() {
	_ = c.stdin.Close()
	_ = c.cmd.Wait()
	_ = c.pipe.Close()
}

// A tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// Write implements [io.Writer].
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-4096):]
	return len(p), nil
}

// String returns the end of the text.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
