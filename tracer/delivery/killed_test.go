package delivery_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bookservice/tracer/delivery"
)

// runUntilKilled is the child process of TestDurableWhenKilled. It spools spans and prints their
// number.
func runUntilKilled(dir string, send delivery.SendFunc) {
	cfg := delivery.Config{Spool: dir, BatchBytes: 1000, SpoolSync: 10 * time.Millisecond}
	q, err := delivery.New(cfg, send, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range 1 << 20 {
		q.Add([]byte(span(i)))
		if i%100 == 99 {
			for q.Stats().Spooled <= uint64(i) {
				<-time.After(time.Millisecond)
			}
			fmt.Println(i + 1)
		}
	}
}

// A process that is killed during an outage loses no spooled span.
func TestDurableWhenKilled(t *testing.T) {
	const variable = "DELIVERY_TEST_SPOOL"
	outages := map[string]delivery.SendFunc{"down": down, "hang": hang}
	if dir := os.Getenv(variable); dir != "" {
		runUntilKilled(dir, outages[filepath.Base(dir)])
		return
	}
	for name := range outages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), name)
			child := exec.Command(os.Args[0], "-test.run", "^TestDurableWhenKilled$")
			child.Env = append(os.Environ(), variable+"="+dir)
			spooled := killAfter(t, child, 2000)
			have, _ := sendSpool(t, dir, nil)
			if len(have) < spooled {
				t.Fatalf("have %d spans, want the %d that were on disk", len(have), spooled)
			}
			if diff := cmp.Diff(spans(len(have)), have); diff != "" {
				t.Errorf("-want +have\n%.1000s", diff)
			}
		})
	}
}

// killAfter starts child and kills it when it has printed atLeast or a larger number. It returns
// the last number.
func killAfter(t *testing.T, child *exec.Cmd, atLeast int) (number int) {
	t.Helper()
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); number < atLeast && lines.Scan(); {
		if _, err := fmt.Sscan(lines.Text(), &number); err != nil {
			t.Errorf("the process printed %q", lines.Text())
			break
		}
	}
	if err := child.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = child.Wait()
	if number < atLeast {
		t.Fatalf("the process ended after %d spans, want %d", number, atLeast)
	}
	return number
}
