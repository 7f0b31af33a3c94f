package tracer_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"bookservice/tracer"
	"bookservice/tracer/delivery"
	"bookservice/tracer/finished"
	"bookservice/tracer/tracertest/receiver"
	"bookservice/tracer/tracertest/testkit"
)

// withQueue adds the backend "queue", which encodes the names of spans.
func withQueue(to tracer.Destination) tracer.Option {
	to.Encode = func(b []byte, s *finished.Span) []byte { return append(b, s.Model.Name...) }
	return tracer.WithBackend(tracer.Backend{
		Name: "queue",
		Open: func(_ context.Context, s tracer.Settings) (tracer.Sink, error) {
			return s.Queue(to)
		},
	})
}

// TestSpansAreBufferedAndRetriedUntilDelivered sends to a collector that refuses the first posts.
func TestSpansAreBufferedAndRetriedUntilDelivered(t *testing.T) {
	collector := receiver.NewZipkin(t, 3)
	c := config("zipkin")
	c.Zipkin.URL, c.FlushTimeout = collector.URL, time.Minute
	m := &tracer.Metrics{}
	tr, closer := open(t, c, tracer.WithMetrics(m))
	for range 100 {
		tr.StartSpan("call").Finish()
	}
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
	if n, s := len(collector.Spans(t)), m.Stats().Sinks["zipkin"]; n != 100 || s.Retried != 3 {
		t.Errorf("have %d spans after %d retries, want 100 after 3", n, s.Retried)
	}
}

// TestRetriesBackOff counts the attempts of a minute.
func TestRetriesBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var attempts []time.Time
		tr, closer := open(t, config("queue"), withQueue(tracer.Destination{
			Send: func(context.Context, delivery.Batch) error {
				attempts = append(attempts, time.Now())
				return errors.New("not now")
			},
		}))
		tr.StartSpan("call").Finish()
		<-time.After(time.Minute)
		synctest.Wait()
		n := len(attempts)
		if n < 5 || n > 25 {
			t.Fatalf("have %d attempts in a minute, want some", n)
		}
		first, last := attempts[1].Sub(attempts[0]), attempts[n-1].Sub(attempts[n-2])
		if last < 10*first {
			t.Errorf("have %v between the first attempts and %v between the last", first, last)
		}
		if err := closer.Close(); err == nil {
			t.Error("have no error of Close, want the span lost")
		}
	})
}

// TestQueueIsBoundedByQueueBytes finishes more spans than the queue holds while the destination
// refuses them.
func TestQueueIsBoundedByQueueBytes(t *testing.T) {
	for _, limit := range []int{1 << 20, 4 << 20} {
		m := &tracer.Metrics{}
		c := config("queue")
		c.Delivery.QueueBytes, c.FlushTimeout = limit, time.Millisecond
		tr, closer := open(t, c, tracer.WithMetrics(m), withQueue(refusing))
		name := strings.Repeat("x", 1000)
		for range 10000 {
			tr.StartSpan(name).Finish()
		}
		s := m.Stats().Sinks["queue"]
		if s.QueueBytes > limit || s.QueueBytes < limit/2 || s.Dropped == 0 ||
			s.Dropped != s.DroppedBy[delivery.QueueFull] {
			t.Errorf("have %+v, want about %d bytes and the other spans dropped", s, limit)
		}
		if err := closer.Close(); err == nil {
			t.Error("have no error of Close, want spans lost")
		}
	}
}

// TestCloseFlushesWithinTheFlushTimeout closes a tracer whose destination needs a second for each
// batch, and one whose destination hangs.
func TestCloseFlushesWithinTheFlushTimeout(t *testing.T) {
	for name, test := range map[string]struct {
		takes time.Duration
		want  time.Duration
		lost  bool
	}{
		"slow":  {time.Second, time.Second, false},
		"hangs": {time.Hour, 3 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := config("queue")
				c.FlushTimeout = 3 * time.Second
				tr, closer := open(t, c, withQueue(tracer.Destination{
					Send: func(ctx context.Context, _ delivery.Batch) error {
						select {
						case <-time.After(test.takes):
							return nil
						case <-ctx.Done():
							return ctx.Err()
						}
					},
				}))
				tr.StartSpan("call").Finish()
				start := time.Now()
				err := closer.Close()
				if took := time.Since(start); took != test.want || (err != nil) != test.lost {
					t.Errorf("have %v after %v, want spans lost: %v after %v",
						err, took, test.lost, test.want)
				}
			})
		})
	}
}

// TestSendersBoundConcurrentRequests counts how many batches are sent at once.
func TestSendersBoundConcurrentRequests(t *testing.T) {
	for name, test := range map[string]struct {
		senders int
		inOrder bool
		want    int32
	}{
		"1":           {1, false, 1},
		"3":           {3, false, 3},
		"8, in order": {8, true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var now, most atomic.Int32
				c := config("queue")
				c.Delivery.Senders = test.senders
				tr, closer := open(t, c, withQueue(tracer.Destination{
					InOrder: test.inOrder,
					Send: func(context.Context, delivery.Batch) error {
						most.Store(max(most.Load(), now.Add(1)))
						<-time.After(10 * time.Millisecond)
						now.Add(-1)
						return nil
					},
				}))
				name := strings.Repeat("x", 1000)
				for range 5000 { // about 20 batches
					tr.StartSpan(name).Finish()
				}
				if err := closer.Close(); err != nil {
					t.Error(err)
				}
				if have := most.Load(); have != test.want {
					t.Errorf("have %d batches at once, want %d", have, test.want)
				}
			})
		})
	}
}

// TestEachDestinationHasItsSpoolFolder opens backends with queues and looks at the spool.
func TestEachDestinationHasItsSpoolFolder(t *testing.T) {
	for _, format := range []string{tracer.ZipkinProto, tracer.ZipkinJSON} {
		c := fileConfig(t)
		c.Backend, c.Zipkin.Format, c.Delivery.Spool = "zipkin,file", format, t.TempDir()
		_, closer := open(t, c)
		for _, folder := range []string{"zipkin-" + format, "file"} {
			if _, err := os.Stat(filepath.Join(c.Delivery.Spool, folder)); err != nil {
				t.Error(err)
			}
		}
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
	}
}

// refusing is a destination that refuses all batches.
var refusing = tracer.Destination{
	Spool: "x",
	Send:  func(context.Context, delivery.Batch) error { return errors.New("not now") },
}

// TestSpoolSyncIsTheAgeOfASpooledSpan checks when a span is on disk that has not been sent.
func TestSpoolSyncIsTheAgeOfASpooledSpan(t *testing.T) {
	for _, age := range []time.Duration{100 * time.Millisecond, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			c := config("queue")
			c.Delivery.Spool, c.Delivery.SpoolSync = t.TempDir(), age
			m := &tracer.Metrics{}
			tr, closer := open(t, c, tracer.WithMetrics(m), withQueue(refusing))
			tr.StartSpan("call").Finish()
			spooled := func() uint64 {
				synctest.Wait()
				return m.Stats().Sinks["queue"].Spooled
			}
			<-time.After(age / 4)
			if n := spooled(); n != 0 {
				t.Errorf("%v: have the span on disk after %v", age, age/4)
			}
			<-time.After(age)
			if n := spooled(); n != 1 {
				t.Errorf("%v: have %d spans on disk after %v, want 1", age, n, age*5/4)
			}
			if err := closer.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestSpoolIsBoundedBySpoolBytes finishes more spans than queue and spool hold.
func TestSpoolIsBoundedBySpoolBytes(t *testing.T) {
	c := config("queue")
	c.Delivery.Spool, c.Delivery.QueueBytes, c.Delivery.SpoolBytes = t.TempDir(), 1<<20, 1<<20
	c.FlushTimeout = time.Millisecond
	m := &tracer.Metrics{}
	tr, closer := open(t, c, tracer.WithMetrics(m), withQueue(refusing))
	name := strings.Repeat("x", 1000)
	for range 5000 {
		tr.StartSpan(name).Finish()
	}
	var s delivery.Stats
	testkit.Eventually(t, "spans are spooled and dropped", func() bool {
		s = m.Stats().Sinks["queue"]
		return s.SpoolBytes > 1<<19 && s.Dropped > 0
	})
	if s.SpoolBytes > 1<<20 || s.Dropped != s.DroppedBy[delivery.QueueFull] {
		t.Errorf("have %+v, want at most 1 MiB on disk", s)
	}
	_ = closer.Close() // loses the spans in memory, if there are any
}

// TestSpoolThatIsInUse opens two tracers with one spool. The second one releases its destination.
func TestSpoolThatIsInUse(t *testing.T) {
	c := config("queue")
	c.Delivery.Spool = t.TempDir()
	to := tracer.Destination{
		Spool: "x", Send: func(context.Context, delivery.Batch) error { return nil },
	}
	_, closer := open(t, c, withQueue(to))
	closed := 0
	to.Close = func() { closed++ }
	_, _, err := tracer.Open(t.Context(), c, withQueue(to), tracer.WithLogger(quiet))
	if err == nil || !strings.HasPrefix(err.Error(), "-spool ") || closed != 1 {
		t.Errorf("have %v, and %d destinations closed, want an error and 1", err, closed)
	}
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
}

// childProcess is the variable that makes the test binary run runChild. Its value is the spool.
const childProcess = "TRACER_TEST_SPOOL"

const childSpans = 200

// runChild spools spans, prints how long that took, and waits to be killed.
func runChild(spool string) int {
	c := config("zipkin")
	c.Delivery.Spool = spool
	m := &tracer.Metrics{}
	tr, _, err := tracer.Open(context.Background(), c, tracer.WithMetrics(m),
		tracer.WithLogger(quiet))
	if err != nil {
		fmt.Println(err)
		return 1
	}
	for i := range childSpans {
		tr.StartSpan(fmt.Sprint(i)).Finish()
	}
	start := time.Now()
	for m.Stats().Sinks["zipkin"].Spooled < childSpans {
		<-time.After(time.Millisecond)
	}
	fmt.Println("spooled after", time.Since(start))
	<-time.After(time.Hour)
	return 1
}

// TestKilledProcessLosesNoSpooledSpan kills a process whose collector is down. The next process
// sends its spans. With the default settings, a span is spooled after 100 ms.
func TestKilledProcessLosesNoSpooledSpan(t *testing.T) {
	c := config("zipkin")
	c.Delivery.Spool = t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(self)
	child.Env = append(os.Environ(), childProcess+"="+c.Delivery.Spool)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	_ = child.Process.Kill()
	_ = child.Wait()
	took, errTook := time.ParseDuration(
		strings.TrimSpace(strings.TrimPrefix(line, "spooled after ")))
	if err != nil || errTook != nil || took > 10*time.Second { // 100 ms on an idle machine
		t.Fatalf("have %q, %v, want the spans spooled in time", line, err)
	}
	collector := receiver.NewZipkin(t, 0)
	c.Zipkin.URL = collector.URL
	m := &tracer.Metrics{}
	_, closer := open(t, c, tracer.WithMetrics(m))
	testkit.Eventually(t, "the spooled spans arrive", func() bool {
		return len(collector.Spans(t)) >= childSpans
	})
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
	s := m.Stats().Sinks["zipkin"]
	if s.Recovered != childSpans || s.Sent != childSpans {
		t.Errorf("have %+v, want %d spans recovered and sent", s, childSpans)
	}
}

// TestCloseIsBounded closes tracers whose destination, log handler and file do not return.
func TestCloseIsBounded(t *testing.T) {
	const flush = 2 * time.Second
	for name, test := range map[string]struct {
		hangs string // what hangs
		lost  string // the error; empty for none
	}{
		"send":  {"send", "tracer: queue : 100 spans lost: "},
		"close": {"close", "tracer: queue : the destination does not close"},
		"both":  {"send close", "tracer: queue : 100 spans lost: "},
		"log":   {"log", ""},
		"all":   {"send close log", "tracer: queue : 100 spans lost: "},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				hang := func(what string) {
					if strings.Contains(test.hangs, what) {
						<-release
					}
				}
				c := config("queue,log")
				c.FlushTimeout, c.Delivery.Spool = flush, t.TempDir()
				if strings.Contains(test.hangs, "send") {
					c.Delivery.Spool = ""
				}
				tr, closer := open(t, c, withQueue(tracer.Destination{
					Send:  func(context.Context, delivery.Batch) error { hang("send"); return nil },
					Close: func() { hang("close") },
				}), tracer.WithLogger(slog.New(testkit.LogFunc(func(slog.Record) error {
					hang("log")
					return nil
				}))))
				for range 100 {
					tr.StartSpan("call").Finish()
				}
				start := time.Now()
				err := closer.Close()
				if took := time.Since(start); took > flush+time.Second {
					t.Errorf("Close took %v, want %v at most", took, flush+time.Second)
				}
				if !strings.Contains(fmt.Sprint(err), test.lost) {
					t.Errorf("have %v, want %s", err, test.lost)
				}
				close(release)
				<-time.After(time.Minute) // the goroutines end
			})
		})
	}
}

// TestOtherSpoolsAreNamed opens a tracer whose spool has the spans of other backends.
func TestOtherSpoolsAreNamed(t *testing.T) {
	c := config("zipkin")
	c.Delivery.Spool, c.FlushTimeout = t.TempDir(), time.Millisecond
	c.Zipkin.URL = "http://" + testkit.ClosedAddr(t) + "/"
	for _, format := range []string{tracer.ZipkinJSON, tracer.ZipkinProto} {
		var lines testkit.Buffer
		c.Zipkin.Format = format
		tr, closer := open(t, c, tracer.WithLogger(slog.New(slog.NewTextHandler(&lines, nil))))
		tr.StartSpan("call").Finish()
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
		other := filepath.Join(c.Delivery.Spool, "zipkin-json")
		has := strings.Contains(lines.String(), "spool of another backend or format, its spans "+
			`are not sent" folder=`+other+" files=1\n")
		if want := format == tracer.ZipkinProto; has != want {
			t.Errorf("%s: have %q, want %s named: %v", format, lines.String(), other, want)
		}
	}
}
