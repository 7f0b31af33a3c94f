package delivery_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"bookservice/tracer/delivery"
)

// files returns the files that hold spans.
func files(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*.spans"))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// spooled fills a spool with these records, by way of a destination that is down.
func spooled(t *testing.T, dir string, records []string) {
	t.Helper()
	q := open(t, delivery.Config{Spool: dir, BatchBytes: 1000, Senders: 2}, down)
	stop := watch(t, q)
	addAll(q, records)
	if err := closeWithin(q, 50*time.Millisecond); err != nil {
		t.Errorf("have %v, want nothing lost", err)
	}
	stop()
	if s := balanced(t, q); s.Spooled != uint64(len(records)) || s.Queued != 0 || s.Dropped != 0 {
		t.Errorf("have %+v, want all %d spooled", s, len(records))
	}
}

// recovered starts on the spool with a destination that works, and returns what arrives.
func recovered(t *testing.T, dir string, log *slog.Logger) ([]string, delivery.Stats) {
	t.Helper()
	to := &destination{}
	q, err := delivery.New(delivery.Config{Spool: dir, BatchBytes: 1000}, to.send, log)
	if err != nil {
		t.Fatal(err)
	}
	stop := watch(t, q)
	flush(t, q)
	stop()
	return to.received(), balanced(t, q)
}

// What is left at the end is sent first at the next start, exactly as it was, and then the spool is empty.
func TestDurableAcrossARestart(t *testing.T) {
	dir, want := t.TempDir(), names(1000)
	spooled(t, dir, want)
	have, s := recovered(t, dir, quiet)
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("-want +have\n%s", diff)
	}
	if s.Recovered != 1000 || s.Sent != 1000 || s.SpoolBytes != 0 || len(files(t, dir)) != 0 {
		t.Errorf("have %+v and %v, want all recovered and sent, and no file", s, files(t, dir))
	}
}

// killed is the part of TestDurableWhenKilled that is killed: it spools during an outage, and says what must be on disk.
func killed(dir string, send delivery.SendFunc) {
	q, err := delivery.New(delivery.Config{Spool: dir, BatchBytes: 1000, SpoolSync: 10 * time.Millisecond}, send, slog.New(slog.DiscardHandler))
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range 1 << 20 {
		q.Add([]byte(record(i)))
		if i%100 == 99 {
			for q.Stats().Spooled <= uint64(i) {
				<-time.After(time.Millisecond)
			}
			fmt.Println(i + 1)
		}
	}
}

// A process that is killed during an outage loses nothing that has been spooled, whichever way the destination fails.
func TestDurableWhenKilled(t *testing.T) {
	const variable = "DELIVERY_TEST_SPOOL"
	outages := map[string]delivery.SendFunc{"down": down, "hang": hang}
	if dir := os.Getenv(variable); dir != "" {
		killed(dir, outages[filepath.Base(dir)])
		return
	}
	for name := range outages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), name)
			child := exec.Command(os.Args[0], "-test.run", "^TestDurableWhenKilled$")
			child.Env = append(os.Environ(), variable+"="+dir)
			acknowledged := killAfter(t, child, 2000)
			have, _ := recovered(t, dir, quiet)
			if len(have) < acknowledged {
				t.Fatalf("have %d records, want the %d that were on disk", len(have), acknowledged)
			}
			if diff := cmp.Diff(names(len(have)), have); diff != "" {
				t.Errorf("-want +have\n%.1000s", diff)
			}
		})
	}
}

// killAfter runs the process until it says this number, or a larger one, and kills it. It returns the last number.
func killAfter(t *testing.T, child *exec.Cmd, want int) (said int) {
	t.Helper()
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); said < want && lines.Scan(); {
		if _, err := fmt.Sscan(lines.Text(), &said); err != nil {
			t.Errorf("the process said %q", lines.Text())
			break
		}
	}
	if err := child.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = child.Wait()
	if said < want {
		t.Fatalf("the process ended after %d, want %d", said, want)
	}
	return said
}

// What is older than Config.SpoolSync is on disk, if it has not arrived: also before anybody knows of an outage. The clock
// is the test's, so the disk takes no time.
func TestDurableWithinSpoolSync(t *testing.T) {
	for name, send := range map[string]delivery.SendFunc{"down": down, "hang": hang} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				q := open(t, delivery.Config{Spool: dir, BatchBytes: 1000, Senders: 2}, send)
				all := names(2000) // more than the senders have in hand
				for i, r := range all {
					q.Add([]byte(r))
					<-time.After(time.Millisecond)
					if i%400 != 399 {
						continue
					}
					synctest.Wait()
					now := filepath.Join(t.TempDir(), "copy") // what a process that is killed now would leave
					if err := os.CopyFS(now, os.DirFS(dir)); err != nil {
						t.Fatal(err)
					}
					have, _ := recovered(t, now, quiet)
					if older := i + 1 - 100; len(have) < older || !slices.Equal(have, all[:len(have)]) {
						t.Errorf("after %d ms: have %d records on disk, want the first %d or more", i+1, len(have), older)
					}
				}
				if err := closeWithin(q, time.Second); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A destination that works, and in time, costs the disk nothing.
func TestDurableWithoutNeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, to := t.TempDir(), &destination{}
		q := open(t, delivery.Config{Spool: dir}, to.send)
		for _, r := range names(1000) {
			q.Add([]byte(r))
			<-time.After(time.Millisecond)
			if found := files(t, dir); len(found) > 0 {
				t.Fatalf("have %v, want no file", found)
			}
		}
		flush(t, q)
	})
}

// What memory has no room for goes to disk, and from there to the destination when that has caught up.
func TestDurableOverflow(t *testing.T) {
	dir := t.TempDir()
	release := make(chan struct{})
	to := &destination{answer: func(ctx context.Context, _ int, _ []string) error {
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
	q := open(t, delivery.Config{Spool: dir, QueueBytes: 20000, BatchBytes: 1000, Senders: 4, SpoolSync: time.Millisecond}, to.send)
	stop := watch(t, q)
	want := names(20000)
	bounded := func() delivery.Stats {
		s := balanced(t, q)
		if s.QueueBytes > 20000 {
			t.Fatalf("have %d bytes in memory, want at most 20000, what has come back from disk included", s.QueueBytes)
		}
		return s
	}
	for i, r := range want {
		q.Add([]byte(r))
		if i%100 == 0 { // as fast as the disk takes it
			eventually(t, "there is room", func() bool { return q.Stats().QueueBytes < 12000 })
		}
	}
	if s := bounded(); s.Spooled < 15000 {
		t.Errorf("have %+v, want most of it on disk", s)
	}
	close(release)
	eventually(t, "all has arrived", func() bool { return bounded().Sent == 20000 })
	flush(t, q)
	stop()
	if diff := cmp.Diff(want, to.received()); diff != "" {
		t.Errorf("-want +have\n%.1000s", diff)
	}
	if left := files(t, dir); len(left) != 0 {
		t.Errorf("have %v left, want none", left)
	}
}

// While the destination is down everything is on disk; when it is back everything arrives, and memory is used again.
func TestDurableOutage(t *testing.T) {
	dir := t.TempDir()
	up := make(chan struct{})
	to := &destination{answer: func(context.Context, int, []string) error {
		select {
		case <-up:
			return nil
		default:
			return errDown
		}
	}}
	q := open(t, delivery.Config{Spool: dir, BatchBytes: 1000, BatchAge: 10 * time.Millisecond, SpoolSync: time.Millisecond, MaxBackoff: 20 * time.Millisecond}, to.send)
	stop := watch(t, q)
	want := names(3000)
	addAll(q, want[:1500])
	eventually(t, "all is on disk", func() bool { return q.Stats().Spooled == 1500 })
	addAll(q, want[1500:2900])
	eventually(t, "all that came later is too", func() bool { return q.Stats().Spooled == 2900 })
	close(up)
	eventually(t, "all has arrived", func() bool { return q.Stats().Sent == 2900 })
	eventually(t, "no file is left", func() bool { return len(files(t, dir)) == 0 })
	addAll(q, want[2900:])
	flush(t, q)
	stop()
	if diff := cmp.Diff(want, to.received()); diff != "" {
		t.Errorf("-want +have\n%.1000s", diff)
	}
}

// Damage costs the damaged records, and a line says where it is.
func TestDurableDamage(t *testing.T) {
	for name, test := range map[string]struct {
		damage func([]byte) []byte
		lost   int // at most
	}{
		"nothing":         {func(b []byte) []byte { return b }, 0},
		"truncated":       {func(b []byte) []byte { return b[:len(b)-3] }, 1},
		"a flipped bit":   {func(b []byte) []byte { b[len(b)/2] ^= 1; return b }, 1},
		"a length":        {func(b []byte) []byte { b[0] = 0xff; return b }, 1},
		"zeros":           {func(b []byte) []byte { clear(b[100:150]); return b }, 4},
		"garbage between": {func(b []byte) []byte { return slices.Insert(b, len(b)/3, []byte("garbage")...) }, 1},
		"a torn end":      {func(b []byte) []byte { return append(b, 9, 0, 0, 0, 1, 2) }, 0},
		"emptied":         {func([]byte) []byte { return nil }, 1000},
	} {
		t.Run(name, func(t *testing.T) {
			dir, all := t.TempDir(), names(500)
			spooled(t, dir, all)
			path := files(t, dir)[1]
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, test.damage(data), 0o600); err != nil {
				t.Fatal(err)
			}
			var lines strings.Builder
			have, _ := recovered(t, dir, slog.New(slog.NewTextHandler(&lines, nil)))
			for _, r := range have {
				if !slices.Contains(all, r) {
					t.Errorf("have %q, which was never added", r)
				}
			}
			if lost := len(all) - len(have); lost > test.lost || (test.lost > 0 && lost == 0 && name != "garbage between") {
				t.Errorf("lost %d records, want at most %d", lost, test.lost)
			}
			if said := strings.Contains(lines.String(), filepath.Base(path)); said != (test.lost > 0 || name == "a torn end") && name != "emptied" {
				t.Errorf("have %q, want the damaged file named: %v", lines.String(), test.lost > 0)
			}
		})
	}
}

// Two processes never share a spool.
func TestDurableLock(t *testing.T) {
	dir := t.TempDir()
	q := open(t, delivery.Config{Spool: dir}, down)
	_, err := delivery.New(delivery.Config{Spool: dir}, down, quiet)
	if want := "spool " + dir + ": another process uses it"; err == nil || err.Error() != want {
		t.Errorf("have %v, want %s", err, want)
	}
	flush(t, q)
	flush(t, open(t, delivery.Config{Spool: dir}, down))
}

// A spool at its bound, or a disk that takes no more, means that memory has to do; a line says so.
func TestDurableFullDisk(t *testing.T) {
	for name, fill := range map[string]func(t *testing.T, cfg *delivery.Config){
		"bound": func(_ *testing.T, cfg *delivery.Config) { cfg.SpoolBytes = 5000 },
		"full":  func(t *testing.T, _ *delivery.Config) { limitFiles(t, 500) }, // a write fails in its middle
		"gone": func(t *testing.T, cfg *delivery.Config) {
			if err := os.RemoveAll(cfg.Spool); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "full" && !inChild(t) {
				return
			}
			var said lines
			down, up := make(chan struct{}), make(chan struct{}) // it hangs first: the log is to be told of the disk alone
			to := &destination{answer: func(context.Context, int, []string) error {
				<-down
				select {
				case <-up:
					return nil
				default:
					return errors.New("down")
				}
			}}
			cfg := delivery.Config{Spool: filepath.Join(t.TempDir(), "spool"), BatchBytes: 1000, SpoolSync: time.Millisecond,
				BatchAge: time.Millisecond, MaxBackoff: 10 * time.Millisecond}
			if name == "bound" {
				fill(t, &cfg)
			}
			q, err := delivery.New(cfg, to.send, slog.New(slog.NewTextHandler(&said, nil)))
			if err != nil {
				t.Fatal(err)
			}
			if name != "bound" {
				fill(t, &cfg)
			}
			stop := watch(t, q)
			want := names(2000)
			addAll(q, want)
			eventually(t, "a line says so", func() bool { return strings.Contains(said.String(), "spool not writable") })
			close(down)
			eventually(t, "it was tried", func() bool { return q.Stats().Retried > 5 })
			if s := balanced(t, q); s.Dropped != 0 || s.Queued == 0 {
				t.Errorf("have %+v, want nothing dropped, and some in memory", s)
			}
			close(up)
			flush(t, q)
			stop()
			if diff := cmp.Diff(want, to.received()); diff != "" {
				t.Errorf("-want +have\n%.1000s", diff)
			}
		})
	}
}

// inChild reports whether this is a process of its own, and runs the test in one if it is not: what the test does to its
// process must not happen to others.
func inChild(t *testing.T) bool {
	t.Helper()
	const variable = "DELIVERY_TEST_CHILD"
	if os.Getenv(variable) != "" {
		return true
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run", "^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$")
	child.Env = append(os.Environ(), variable+"=1")
	if out, err := child.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("in a process of its own: %v\n%s", err, out)
	}
	return false
}

// limitFiles lets no file of this process grow beyond so many bytes, until the test ends.
func limitFiles(t *testing.T, bytes uint64) {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ) // writes fail instead
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: bytes, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
			t.Error(err)
		}
		signal.Reset(syscall.SIGXFSZ)
	})
}
