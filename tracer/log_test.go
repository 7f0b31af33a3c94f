package tracer_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/log"

	"bookservice/tracer"
	"bookservice/tracer/delivery"
	"bookservice/tracer/tracertest/testkit"
)

// TestLogIsOneLineForEachSpan compares the lines of both handlers of slog.
func TestLogIsOneLineForEachSpan(t *testing.T) {
	var text, lines testkit.Buffer
	fixed := func(_ []string, a slog.Attr) slog.Attr { // ids and times differ each time
		switch a.Key {
		case "trace_id", "span_id", "parent_id":
			return slog.String(a.Key, strings.Repeat("1", len(a.Value.String())))
		case "time", "start", "duration":
			return slog.Attr{}
		}
		return a
	}
	opts := &slog.HandlerOptions{ReplaceAttr: fixed}
	for _, h := range []slog.Handler{
		slog.NewTextHandler(&text, opts), slog.NewJSONHandler(&lines, opts),
	} {
		c := config("log")
		c.Address = "[::1]:80"
		tr, closer := open(t, c, tracer.WithLogger(slog.New(h)))
		root := tr.StartSpan("root", opentracing.Tag{Key: "sampling.priority", Value: 1})
		root.SetTag("peer.service", "c")
		s := tr.StartSpan("call", opentracing.ChildOf(root.Context()), opentracing.Tags{
			"span.kind": "client", "peer.service": "b", "peer.address": "10.0.0.1:90",
			"b": 1, "a": "x y",
		})
		at := time.Unix(1700000000, 0).UTC()
		s.SetTag("error", true)
		s.FinishWithOptions(opentracing.FinishOptions{LogRecords: []opentracing.LogRecord{
			{Timestamp: at, Fields: []log.Field{log.Event("retry")}},
			{Timestamp: at, Fields: []log.Field{log.Error(errors.New("no paper"))}},
		}})
		root.Finish()
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
	}
	const (
		trace = "trace_id=11111111111111111111111111111111 span_id=1111111111111111 "
		local = "local.service=bookserver local.ip=::1 local.port=80"
	)
	want := "level=INFO msg=span " + trace + "parent_id=1111111111111111 debug=true name=call " +
		"kind=CLIENT " + local + " remote.service=b remote.ip=10.0.0.1 remote.port=90 " +
		`tags.a="x y" tags.b=1 tags.error="no paper" logs="retry; error.object=no paper"` + "\n" +
		"level=INFO msg=span " + trace + `debug=true name=root kind="" ` + local +
		" remote.service=c\n"
	if have := text.String(); have != want {
		t.Errorf("text: have\n%swant\n%s", have, want)
	}
	first, _, _ := strings.Cut(lines.String(), "\n")
	var call struct {
		Tags map[string]string
		Logs []map[string]string
	}
	if err := json.Unmarshal([]byte(first), &call); err != nil {
		t.Fatal(err)
	}
	if len(call.Logs) != 2 || call.Logs[0]["text"] != "retry" ||
		call.Logs[0]["at"] != "2023-11-14T22:13:20Z" || call.Tags["a"] != "x y" {
		t.Errorf("json: have %+v in %s", call, first)
	}
}

// A span that the handler does not log is dropped, with a reason.
func TestLogCountsWhatIsNotLogged(t *testing.T) {
	var m tracer.Metrics
	tr, closer := open(t, config("log"), tracer.WithMetrics(&m),
		tracer.WithLogger(slog.New(testkit.LogFunc(func(slog.Record) error {
			return syscall.ENOSPC // a full disk
		}))))
	for range 3 {
		tr.StartSpan("call").Finish()
	}
	err := closer.Close()
	if want := "tracer: log: 3 spans lost: "; !errors.Is(err, syscall.ENOSPC) ||
		!strings.HasPrefix(err.Error(), want) {
		t.Errorf("have error %v, want %s", err, want)
	}
	if s := m.Stats().Sinks["log"]; s.Sent != 0 || s.DroppedBy[delivery.Refused] != 3 {
		t.Errorf("have %+v, want 3 spans refused", s)
	}
}
