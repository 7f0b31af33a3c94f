package discovery_test

import (
	"errors"
	"log"
	"log/slog"
	"slices"
	"testing"
	"time"

	"bookservice/discovery"
	"bookservice/discovery/discoverytest"
	"bookservice/discovery/internal/testkit"
)

// Not parallel, because it replaces the default logger.
func TestDefaultLoggerIsThatOfSlog(t *testing.T) {
	defaultLog, output := slog.Default(), log.Writer()
	defer func() {
		slog.SetDefault(defaultLog)
		log.SetOutput(output) // slog.SetDefault has replaced it
	}()
	recorded := newRecorder()
	slog.SetDefault(slog.New(recorded))

	c := config(testkit.ClosedAddr(t))
	c.Timeout = 100 * time.Millisecond
	for _, test := range []struct {
		name string
		opts []discovery.Option
		want []string
	}{
		{"no option", nil, []string{"cannot read instances"}},
		{"nil logger", []discovery.Option{discovery.WithLogger(nil)}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			recorded.reset()
			r, err := discovery.Open(t.Context(), c, test.opts...)
			if err != nil {
				t.Fatal(err)
			}
			_ = discoverytest.Follow(t, instancer(t, r)).WaitForError(t, limit)
			if err := r.Close(); err != nil { // the goroutine that logs has ended
				t.Fatal(err)
			}
			if have := recorded.sorted(); !slices.Equal(have, test.want) {
				t.Errorf("have log %q, want %q", have, test.want)
			}
		})
	}
	t.Run("nil logger of Kit", func(t *testing.T) {
		recorded.reset()
		r := &stubRegistrar{err: errors.New("on fire")}
		discovery.Kit(r, time.Minute, nil).Register()
		if have := recorded.sorted(); len(have) > 0 {
			t.Errorf("have log %q, want none", have)
		}
	})
}
