package e2e_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/openzipkin/zipkin-go/model"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"bookservice/api/book"
	"bookservice/tracer/tracertest/testkit"
)

// A bookserver is killed while its collector is down. The next one sends the spans on its disk.
func TestSpoolOutlivesTheServer(t *testing.T) {
	t.Parallel()
	const spooled = 300
	c := collect(t)
	spool := t.TempDir()
	at := func(url string) []string {
		return []string{"-tracer", "zipkin", "-zipkin-url", url + "/api/v2/spans",
			"-spool", spool, "-admin-addr", "127.0.0.1:0"}
	}
	p, conn := alone(t, at("http://"+testkit.ClosedAddr(t))...)
	for i := range spooled {
		if err := callWithin(t.Context(), conn, i); err != nil {
			t.Fatal(err)
		}
	}
	testkit.Eventually(t, "all spans are on disk", func() bool {
		return hasMetric(t, p, `sink_spans_spooled{sink="zipkin"}`, spooled)
	})
	var load sync.WaitGroup
	load.Go(func() { // until it is killed
		for i := spooled; callWithin(t.Context(), conn, i) == nil; i++ {
		}
	})
	testkit.Eventually(t, "it is busy", func() bool {
		return !hasMetric(t, p, "spans_finished_total", spooled)
	})
	p.signal(t, syscall.SIGKILL)
	p.wait(t)
	load.Wait()

	p, _ = alone(t, at(c.URL)...)
	testkit.Eventually(t, "the spans on disk have arrived", func() bool {
		return len(missing(c, spooled)) == 0
	})
	testkit.Eventually(t, "the spool is empty", func() bool {
		return hasMetric(t, p, `sink_spool_bytes{sink="zipkin"}`, 0)
	})
	for trace, spans := range c.traces() {
		s := spans[0]
		if len(spans) != 1 || s.Kind != model.Server || s.Name != "book.BookService/GetBookInfo" ||
			s.ParentID == nil || *s.ParentID != parentOf {
			t.Errorf("trace %d: have %+v, want the span that the server finished", trace, spans)
		}
	}
}

// hasMetric reports whether a metric of the server's tracer has this value.
func hasMetric(t *testing.T, p *process, name string, value int) bool {
	t.Helper()
	return strings.Contains(metrics(t, p), fmt.Sprintf("\nbookservice_tracer_%s %d\n", name, value))
}

// parentOf is the parent of the server's spans.
const parentOf = model.ID(0xb7ad6b7169203331)

// callWithin makes a call in the trace with this number.
func callWithin(ctx context.Context, conn *grpc.ClientConn, number int) error {
	ctx = metadata.AppendToOutgoingContext(ctx, "traceparent",
		fmt.Sprintf("00-%032x-%016x-01", number+1, uint64(parentOf)))
	_, err := book.NewBookServiceClient(conn).GetBookInfo(ctx, &book.BookInfoParams{BookId: 1})
	return err
}

// traces returns the spans of the collector by the number of their trace.
func (c *collector) traces() map[uint64][]*model.SpanModel {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[uint64][]*model.SpanModel{}
	for _, s := range c.spans {
		all[s.TraceID.Low] = append(all[s.TraceID.Low], s)
	}
	return all
}

// missing returns the numbers of those of the first traces that the collector does not have.
func missing(c *collector, first int) (numbers []uint64) {
	have := c.traces()
	for n := uint64(1); n <= uint64(first); n++ {
		if len(have[n]) == 0 {
			numbers = append(numbers, n)
		}
	}
	return numbers
}
