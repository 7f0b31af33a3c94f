package settings_test

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bookservice/tracer/internal/settings"
	"bookservice/tracer/tracertest/testkit"
)

func tlsFiles(ca, cert, key string) settings.TLSFiles {
	p := settings.Prefix("zipkin-")
	return settings.TLSFiles{
		CA:   settings.File{Name: p.Name("ca"), Path: ca},
		Cert: settings.File{Name: p.Name("cert"), Path: cert},
		Key:  settings.File{Name: p.Name("key"), Path: key},
	}
}

// TestTLSFiles reads files, and checks what is in the configuration.
func TestTLSFiles(t *testing.T) {
	a := testkit.NewAuthority(t)
	cert, key := a.Issue(t, "client")
	for name, test := range map[string]struct {
		files            settings.TLSFiles
		roots            bool
		certificates     int
		checkIsSatisfied bool
	}{
		"none":                {tlsFiles("", "", ""), false, 0, true},
		"CA":                  {tlsFiles(a.CA, "", ""), true, 0, true},
		"certificate and key": {tlsFiles("", cert, key), false, 1, true},
		"all":                 {tlsFiles(a.CA, cert, key), true, 1, true},
		"certificate alone":   {tlsFiles("", cert, ""), false, 0, false},
		"key alone":           {tlsFiles("", "", key), false, 0, false},
	} {
		if err := test.files.Check(); (err == nil) != test.checkIsSatisfied {
			t.Errorf("%s: Check: have %v", name, err)
		}
		opened, err := test.files.Open(nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		c := opened.Config()
		if (c.RootCAs != nil) != test.roots || len(c.Certificates) != test.certificates ||
			c.MinVersion != tls.VersionTLS12 || c.InsecureSkipVerify {
			t.Errorf("%s: have roots %v, %d certificates, version %x, insecure %v", name,
				c.RootCAs != nil, len(c.Certificates), c.MinVersion, c.InsecureSkipVerify)
		}
	}
}

// TestTLSFileErrors checks that the error names the setting and the file.
func TestTLSFileErrors(t *testing.T) {
	a := testkit.NewAuthority(t)
	cert, key := a.Issue(t, "client")
	_, otherKey := a.Issue(t, "other")
	folder := t.TempDir()
	empty := filepath.Join(folder, "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(folder, "missing.pem")
	const (
		notReadable = `: must be a readable file: no such file or directory`
		notAPair    = `: must be a certificate in PEM format with its key in -zipkin-key: `
	)
	for want, files := range map[string]settings.TLSFiles{
		`-zipkin-ca "` + missing + `"` + notReadable:   tlsFiles(missing, "", ""),
		`-zipkin-cert "` + missing + `"` + notReadable: tlsFiles("", missing, key),
		`-zipkin-key "` + missing + `"` + notReadable:  tlsFiles("", cert, missing),
		`-zipkin-ca "` + folder + `": must be a readable file: is a directory`: tlsFiles(
			folder, "", ""),
		`-zipkin-ca "` + empty + `": must contain a certificate in PEM format`: tlsFiles(
			empty, "", ""),
		`-zipkin-cert "` + cert + `"` + notAPair:  tlsFiles("", cert, otherKey),
		`-zipkin-cert "` + empty + `"` + notAPair: tlsFiles("", empty, key),
	} {
		if _, err := files.Open(nil); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("have %v, want %s", err, want)
		}
	}
	for want, files := range map[string]settings.TLSFiles{
		`-zipkin-key "": must be set if -zipkin-cert is set`: tlsFiles("", cert, ""),
		`-zipkin-cert "": must be set if -zipkin-key is set`: tlsFiles("", "", key),
	} {
		if err := files.Check(); err == nil || err.Error() != want {
			t.Errorf("have %v, want %s", err, want)
		}
	}
}
