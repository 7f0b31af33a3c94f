package tracer_test

import (
	"log/slog"
	"testing"

	"bookservice/tracer"
	"bookservice/tracer/tracertest/receiver"
	"bookservice/tracer/tracertest/testkit"
)

// What is finished after Close arrives nowhere, though the Memory may have other tracers yet.
func TestNothingArrivesAfterClose(t *testing.T) {
	spans := &tracer.Memory{}
	collector := receiver.NewZipkin(t, 0)
	c := config("zipkin,memory,log")
	c.Zipkin.URL = collector.URL
	var lines testkit.Buffer
	log := slog.New(slog.NewJSONHandler(&lines, nil))
	tr, closer, err := tracer.Open(t.Context(), c, tracer.WithMemory(spans), tracer.WithLogger(log))
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := tracer.Open(t.Context(), config("memory"), tracer.WithMemory(spans))
	if err != nil {
		t.Fatal(err)
	}
	late := tr.StartSpan("late")
	tr.StartSpan("in time").Finish()
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	late.Finish()
	tr.StartSpan("later").Finish()
	_ = closer.Close()
	other.StartSpan("of another").Finish()
	have := spans.Spans()
	if len(have) != 2 || have[0].Name != "in time" || have[1].Name != "of another" {
		t.Errorf("have %v in memory", have)
	}
	if sent := collector.Spans(t); len(sent) != 1 || sent[0].Name != "in time" {
		t.Errorf("have %v sent", sent)
	}
	if logged := loggedSpans(t, lines.String()); len(logged) != 1 || logged[0].Name != "in time" {
		t.Errorf("have %v logged", logged)
	}
}
