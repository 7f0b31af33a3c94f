package logtest_test

import (
	"bytes"
	"log"
	"log/slog"
	"strings"
	"testing"

	"bookservice/service/internal/logtest"
)

func TestCaptureDefault(t *testing.T) {
	logger, output, flags := slog.Default(), log.Writer(), log.Flags()
	var buf bytes.Buffer
	t.Run("captured", func(t *testing.T) {
		logtest.CaptureDefault(t, &buf)
		slog.Debug("first")
		log.Print("second")
	})
	have := buf.String()
	if !strings.Contains(have, "msg=first") || !strings.Contains(have, "msg=second") {
		t.Errorf("have %q, want both records", have)
	}
	if slog.Default() != logger || log.Writer() != output || log.Flags() != flags {
		t.Error("the default loggers are not restored")
	}
}
