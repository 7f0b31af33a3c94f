package delivery_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bookservice/tracer/delivery"
	"bookservice/tracer/tracertest/testkit"
)

// frameSize is the size of span(i) in a file: 8 bytes of header, then the span.
const frameSize = 8 + spanSize

// spansOf returns the spans in the content of an undamaged file.
func spansOf(data []byte) (spans []string) {
	for frame := range slices.Chunk(data, frameSize) {
		spans = append(spans, string(frame[8:]))
	}
	return spans
}

// A damage is done to a file of the spool.
type damage struct {
	do      func(b []byte) []byte // to the content of the file
	lost    func(n int) []int     // the indexes of the lost spans in a file of n spans
	regions int                   // the number of damaged regions
	bytes   int                   // the size of all damaged regions, or -1 for the whole file
}

func damages() map[string]damage {
	return map[string]damage{
		"none": {
			func(b []byte) []byte { return b },
			func(int) []int { return nil }, 0, 0},
		"truncated": {
			func(b []byte) []byte { return b[:len(b)-3] },
			func(n int) []int { return []int{n - 1} }, 1, frameSize - 3},
		"truncated between spans": {
			func(b []byte) []byte { return b[:len(b)-2*frameSize] },
			func(n int) []int { return []int{n - 2, n - 1} }, 0, 0},
		"flipped bit": {
			func(b []byte) []byte { b[9*frameSize+10] ^= 1; return b },
			func(int) []int { return []int{9} }, 1, frameSize},
		"two flipped bits": {
			func(b []byte) []byte { b[3*frameSize+8] ^= 1; b[9*frameSize+5] ^= 128; return b },
			func(int) []int { return []int{3, 9} }, 2, 2 * frameSize},
		"length": {
			func(b []byte) []byte { b[0] = 0xff; return b },
			func(int) []int { return []int{0} }, 1, frameSize},
		"zeros": {
			func(b []byte) []byte { clear(b[5*frameSize : 7*frameSize+10]); return b },
			func(int) []int { return []int{5, 6, 7} }, 1, 3 * frameSize},
		"garbage between spans": {
			func(b []byte) []byte { return slices.Insert(b, 7*frameSize, []byte("garbage")...) },
			func(int) []int { return nil }, 1, 7},
		"garbage within a span": {
			func(b []byte) []byte { return slices.Insert(b, 7*frameSize+10, []byte("garbage")...) },
			func(int) []int { return []int{7} }, 1, frameSize + 7},
		"torn end": {
			func(b []byte) []byte { return append(b, 9, 0, 0, 0, 1, 2) },
			func(int) []int { return nil }, 1, 6},
		"overwritten": {
			func(b []byte) []byte { return bytes.Repeat([]byte{0xff}, len(b)) },
			indexes, 1, -1},
		"emptied": {
			func([]byte) []byte { return nil },
			indexes, 0, 0},
	}
}

// indexes returns 0 to n-1.
func indexes(n int) (all []int) {
	for i := range n {
		all = append(all, i)
	}
	return all
}

// damageFile replaces the content of a file, and returns the lost spans and the size of the file
// before.
func damageFile(t *testing.T, damage damage, path string) (lost []string, size int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := spansOf(data)
	for _, i := range damage.lost(len(all)) {
		lost = append(lost, all[i])
	}
	size = len(data)
	if err := os.WriteFile(path, damage.do(data), 0o600); err != nil {
		t.Fatal(err)
	}
	return lost, size
}

// without returns the spans that are not in lost.
func without(spans, lost []string) []string {
	return slices.DeleteFunc(slices.Clone(spans), func(s string) bool {
		return slices.Contains(lost, s)
	})
}

// Damage that New finds loses only the damaged spans. It is logged, and each damaged region counts
// as one dropped span.
func TestDurableDamage(t *testing.T) {
	for name, test := range damages() {
		t.Run(name, func(t *testing.T) {
			dir, all := t.TempDir(), spans(500)
			fillSpool(t, dir, all)
			path := spoolFiles(t, dir)[1]
			lost, size := damageFile(t, test, path)
			var log testkit.Buffer
			have, s := sendSpool(t, dir, textLog(&log))
			if diff := cmp.Diff(without(all, lost), have); diff != "" {
				t.Errorf("-want +have\n%.1000s", diff)
			}
			regions, sent := uint64(test.regions), uint64(len(have))
			if s.DroppedBy[delivery.SpoolDamaged] != regions || s.Dropped != regions ||
				s.Recovered != sent || s.Sent != sent || s.Added != sent+regions {
				t.Errorf("have %+v, want %d recovered and sent, and %d damaged",
					s, sent, regions)
			}
			if s.QueueBytes != 0 || s.SpoolBytes != 0 {
				t.Errorf("have %+v, want no bytes in memory and on disk", s)
			}
			if left := spoolFiles(t, dir); len(left) != 0 {
				t.Errorf("have %v left, want no file", left)
			}
			damaged := test.bytes
			if damaged < 0 {
				damaged = size
			}
			checkDamageLog(t, log.String(), path, test.regions > 0, damaged)
			dropped := fmt.Sprintf("reasons=\"%d spool damaged\"", test.regions)
			if test.regions > 0 && !strings.Contains(log.String(), dropped) {
				t.Errorf("have %q, want %q in it", log.String(), dropped)
			}
		})
	}
}

// checkDamageLog checks for one line about damage with file and bytes, or for none.
func checkDamageLog(t *testing.T, log, path string, want bool, damagedBytes int) {
	t.Helper()
	if !want {
		if strings.Contains(log, "damaged") {
			t.Errorf("have %q, want no damage", log)
		}
		return
	}
	line := fmt.Sprintf("damagedBytes=%d\n", damagedBytes)
	if strings.Count(log, `"spool file damaged"`) != 1 || !strings.Contains(log, path) ||
		!strings.Contains(log, line) {
		t.Errorf("have %q, want one line with %s and %q", log, path, line)
	}
}

// Damage that occurs while the queue runs loses only the damaged spans. Each counts as dropped.
func TestDurableDamageWhileRunning(t *testing.T) {
	for name, test := range damages() {
		t.Run(name, func(t *testing.T) {
			dir, all := t.TempDir(), spans(500)
			hanging, up := make(chan struct{}), make(chan struct{})
			to := &destination{answer: func(_ context.Context, attempt int, _ []string) error {
				if attempt == 1 {
					close(hanging)
				}
				<-up
				return nil
			}}
			var log testkit.Buffer
			q, err := delivery.New(delivery.Config{Spool: dir, BatchBytes: 1000, Senders: 1,
				SpoolSync: time.Millisecond}, to.send, textLog(&log))
			if err != nil {
				t.Fatal(err)
			}
			stop := watchStats(t, q)
			addAll(q, all[:100])
			<-hanging // with the first batch; the sender has read no file
			addAll(q, all[100:])
			testkit.Eventually(t, "all spans are on disk",
				func() bool { return q.Stats().Spooled == 500 })
			path := fileWith(t, dir, span(400))
			lost, size := damageFile(t, test, path)
			close(up)
			flush(t, q)
			stop()
			want := without(all, lost)
			if diff := cmp.Diff(want, to.received()); diff != "" {
				t.Errorf("-want +have\n%.1000s", diff)
			}
			s, n := stats(t, q), uint64(len(lost))
			if s.DroppedBy[delivery.SpoolDamaged] != n || s.Dropped != n || s.Added != 500 ||
				s.Sent != 500-n || s.Spooled != 0 || s.QueueBytes != 0 || s.SpoolBytes != 0 {
				t.Errorf("have %+v, want %d sent, %d damaged, and empty memory and disk",
					s, len(want), n)
			}
			if left := spoolFiles(t, dir); len(left) != 0 {
				t.Errorf("have %v left, want no file", left)
			}
			damaged := test.bytes
			if damaged < 0 {
				damaged = size
			}
			checkDamageLog(t, log.String(), path, test.regions > 0 || n > 0, damaged)
		})
	}
}

// fileWith returns the path of the file that holds the span.
func fileWith(t *testing.T, dir, span string) string {
	t.Helper()
	for _, path := range spoolFiles(t, dir) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(span)) {
			return path
		}
	}
	t.Fatalf("no file holds %q", span)
	return ""
}
