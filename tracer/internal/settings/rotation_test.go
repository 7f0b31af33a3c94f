package settings_test

import (
	"crypto/tls"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bookservice/tracer/internal/settings"
	"bookservice/tracer/tracertest/testkit"
)

// copyFile writes the contents of from into the file to.
func copyFile(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// age makes the files old, so that no change can hide in the resolution of the clock.
func age(t *testing.T, files ...string) {
	t.Helper()
	for _, file := range files {
		old := time.Now().Add(-time.Hour)
		if err := os.Chtimes(file, old, old); err != nil {
			t.Fatal(err)
		}
	}
}

// A rotation is a set of TLS files whose contents change.
type rotation struct {
	ca, cert, key string
	log           testkit.Buffer
	tls           *settings.TLS
}

func newRotation(t *testing.T, a *testkit.Authority) *rotation {
	t.Helper()
	folder := t.TempDir()
	r := &rotation{
		ca: filepath.Join(folder, "ca"), cert: filepath.Join(folder, "cert"),
		key: filepath.Join(folder, "key"),
	}
	r.issue(t, a, "first")
	copyFile(t, a.CA, r.ca)
	age(t, r.ca, r.cert, r.key)
	var err error
	log := slog.New(slog.NewTextHandler(&r.log, nil))
	if r.tls, err = tlsFiles(r.ca, r.cert, r.key).Open(log); err != nil {
		t.Fatal(err)
	}
	return r
}

// issue replaces certificate and key.
func (r *rotation) issue(t *testing.T, a *testkit.Authority, name string) {
	t.Helper()
	cert, key := a.Issue(t, name)
	copyFile(t, cert, r.cert)
	copyFile(t, key, r.key)
}

// lines returns how many lines the log has.
func (r *rotation) lines() int { return strings.Count(r.log.String(), "\n") }

// serial returns the serial number of the client certificate.
func serial(c *tls.Config) int64 { return c.Certificates[0].Leaf.SerialNumber.Int64() }

// TestChangedTLSFilesAreReadAgain replaces the files. Unchanged ones give the same configuration.
func TestChangedTLSFilesAreReadAgain(t *testing.T) {
	a, other := testkit.NewAuthority(t), testkit.NewAuthority(t)
	r := newRotation(t, a)
	first := r.tls.Config()
	if r.tls.Config() != first {
		t.Error("the configuration changes although no file has")
	}
	r.issue(t, a, "second")
	second := r.tls.Config()
	if serial(second) <= serial(first) || !second.RootCAs.Equal(first.RootCAs) {
		t.Errorf("have certificate %d, want the one after %d", serial(second), serial(first))
	}
	if r.tls.Config() != second {
		t.Error("the configuration changes again although no file has")
	}
	copyFile(t, other.CA, r.ca)
	third := r.tls.Config()
	if !third.RootCAs.Equal(other.Pool()) || serial(third) != serial(second) {
		t.Error("have another authority or another certificate")
	}
	if first.RootCAs.Equal(third.RootCAs) {
		t.Error("a configuration that is in use has changed")
	}
	if r.lines() != 0 {
		t.Errorf("have log %s, want none", r.log.String())
	}
}

// TestTLSFilesThatAreReplacedAreReadAgain renames other files over them, and changes a link, as
// Kubernetes does.
func TestTLSFilesThatAreReplacedAreReadAgain(t *testing.T) {
	a := testkit.NewAuthority(t)
	r := newRotation(t, a)
	first := serial(r.tls.Config())
	cert, key := a.Issue(t, "second")
	age(t, cert, key)
	for from, to := range map[string]string{cert: r.cert, key: r.key} {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	second := serial(r.tls.Config())
	cert, key = a.Issue(t, "third")
	age(t, cert, key)
	for from, to := range map[string]string{cert: r.cert, key: r.key} {
		os.Remove(to)
		if err := os.Symlink(from, to); err != nil {
			t.Skip(err) // the operating system may not allow it
		}
	}
	if third := serial(r.tls.Config()); second != first+1 || third != second+1 {
		t.Errorf("have certificates %d, %d, %d, want one after the other", first, second, third)
	}
}

// TestUnusableChangeKeepsTheLastGoodFiles changes files to what cannot be used, and asks for the
// configuration often. Each change is logged once, and the next good one is used.
func TestUnusableChangeKeepsTheLastGoodFiles(t *testing.T) {
	a := testkit.NewAuthority(t)
	r := newRotation(t, a)
	want, changes := r.tls.Config(), 0
	for name, change := range map[string]func() (file string){
		"certificate without its key": func() string {
			cert, _ := a.Issue(t, "another")
			copyFile(t, cert, r.cert)
			return r.cert
		},
		"no PEM": func() string {
			overwrite(t, r.key, "x")
			return r.cert
		},
		"empty":   func() string { overwrite(t, r.ca, ""); return r.ca },
		"no file": func() string { os.Remove(r.key); return r.key },
		"folder": func() string {
			os.Remove(r.ca)
			if err := os.Mkdir(r.ca, 0o700); err != nil {
				t.Fatal(err)
			}
			return r.ca
		},
	} {
		file := change()
		changes++
		for range 5 {
			if have := r.tls.Config(); have != want {
				t.Errorf("%s: have another configuration, want the last good one", name)
			}
		}
		if r.lines() != changes || !strings.Contains(r.log.String(), filepath.Base(file)) {
			t.Errorf("%s: have %d lines, want %d, the last about %s:\n%s",
				name, r.lines(), changes, file, r.log.String())
		}
		os.Remove(r.ca)
		copyFile(t, a.CA, r.ca)
		r.issue(t, a, "good again")
		next := r.tls.Config()
		if serial(next) == serial(want) {
			t.Errorf("%s: the next good certificate is not used", name)
		}
		want = next
	}
}

func overwrite(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkTLSConfig measures what a handshake costs more: the look at three files.
func BenchmarkTLSConfig(b *testing.B) {
	a := testkit.NewAuthority(b)
	cert, key := a.Issue(b, "client")
	for _, file := range []string{a.CA, cert, key} {
		old := time.Now().Add(-time.Hour)
		if err := os.Chtimes(file, old, old); err != nil {
			b.Fatal(err)
		}
	}
	files, err := tlsFiles(a.CA, cert, key).Open(nil)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		files.Config()
	}
}
