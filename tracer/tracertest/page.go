package tracertest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"bookservice/tracer"
	"bookservice/tracer/collector/page"
)

// Page leaves the traces of a test that fails as one HTML file, traces.html, in [testing.TB]'s
// ArtifactDir, and logs its path. Only finished spans are in it; without any, there is no file. The
// file has the trace page and the spans, and opens without a server. Call Page when the test
// begins, with the Memory of its tracers:
//
//	spans := &tracer.Memory{}
//	tracertest.Page(t, spans)
//	tr, closer, err := tracer.Open(ctx, c, tracer.WithMemory(spans)) // c.Backend is memory
//
// The directory is kept if "go test" has the flag -artifacts.
func Page(t testing.TB, m *tracer.Memory) {
	t.Helper()
	t.Cleanup(func() {
		t.Helper()
		if !t.Failed() || len(m.Spans()) == 0 {
			return
		}
		path := filepath.Join(t.ArtifactDir(), "traces.html")
		if err := writePage(path, m); err != nil {
			t.Logf("traces: %v", err)
			return
		}
		t.Logf("traces: %s (kept with go test -artifacts)", path)
	})
}

func writePage(path string, m *tracer.Memory) error {
	spans, err := json.Marshal(m.Spans())
	if err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := page.Save(file, spans); err != nil {
		_ = file.Close()
		return err
	}
	return file.Close()
}
