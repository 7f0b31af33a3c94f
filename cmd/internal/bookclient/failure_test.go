package bookclient_test

import (
	"io"
	"log/slog"
	"testing"

	"bookservice/cmd/internal/bookclient"
	"bookservice/configs"
	"bookservice/tracer"
)

// The span of a run that fails has the error.
func TestAFailedRunIsMarked(t *testing.T) {
	c := configs.DefaultClient()
	c.Discovery.Kind, c.Discovery.Instances = "static", []string{"127.0.0.1:1"}
	c.Tracer.Backend, c.Calls.RetryAttempts = "memory", 1
	var m tracer.Memory
	quiet := slog.New(slog.DiscardHandler)
	err := bookclient.Run(t.Context(), c, io.Discard, quiet, tracer.WithMemory(&m))
	if err == nil {
		t.Fatal("have no error from a dead instance")
	}
	marked := 0
	for _, s := range m.Spans() {
		if s.Name == "bookCaller" && s.Tags["error"] != "" && s.Tags["error"] != "true" {
			marked++
		}
	}
	if marked != 1 {
		t.Errorf("have %+v, want bookCaller with the error's message", m.Spans())
	}
}
