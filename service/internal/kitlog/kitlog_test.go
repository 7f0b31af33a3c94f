package kitlog_test

import (
	"bytes"
	"errors"
	"log/slog"
	"testing"

	"bookservice/service/internal/kitlog"
)

// newLogger returns a text logger without timestamps at the default level, info.
func newLogger(buf *bytes.Buffer) *slog.Logger {
	dropTime := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	return slog.New(slog.NewTextHandler(buf, &slog.HandlerOptions{ReplaceAttr: dropTime}))
}

func TestNewWritesKeysAndValues(t *testing.T) {
	var buf bytes.Buffer
	logger := kitlog.New(newLogger(&buf), slog.LevelWarn, "discovery")
	if err := logger.Log("instance", "a:1", "err", errors.New("gone"), "odd"); err != nil {
		t.Error(err)
	}
	want := "level=WARN msg=discovery instance=a:1 err=gone\n"
	if have := buf.String(); have != want {
		t.Errorf("log: have %q, want %q", have, want)
	}
}

// unprintable fails the test if it is formatted.
type unprintable struct{ t *testing.T }

func (u unprintable) String() string {
	u.t.Error("a key of a disabled level was formatted")
	return ""
}

func TestNewObeysTheLevel(t *testing.T) {
	var buf bytes.Buffer
	logger := kitlog.New(newLogger(&buf), slog.LevelDebug, "hidden")
	if err := logger.Log(unprintable{t}, 1); err != nil {
		t.Error(err)
	}
	if buf.Len() > 0 {
		t.Errorf("log: have %q, want nothing", buf.String())
	}
}

func TestNilLoggerDiscards(t *testing.T) {
	logger := kitlog.New(nil, slog.LevelError, "discovery")
	if err := logger.Log("err", errors.New("gone")); err != nil {
		t.Error(err)
	}
	kitlog.OrDiscard(nil).Error("discarded")
	if given := slog.Default(); kitlog.OrDiscard(given) != given {
		t.Error("OrDiscard replaces a logger that is not nil")
	}
}
