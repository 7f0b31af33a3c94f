package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// An error about a setting that is found after all settings were read says where it is set, in the
// form of every error about a setting.
func TestErrorOfTheStartHasTheOrigin(t *testing.T) {
	const noEtcd = "discovery: static\ninstances: 127.0.0.1:1\n"
	for setting, want := range map[string]string{
		"books: /no/books.json":       `-books "/no/books.json": must be a catalogue: open /no/`,
		"grpc-addr: 192.0.2.1:0":      `-grpc-addr "192.0.2.1:0": must be an address to `,
		"admin-addr: 127.0.0.1:99999": `-admin-addr "127.0.0.1:99999": must be `,
		"spool: /dev/null/spool":      `-spool "/dev/null/spool": must be a folder that `,
		"file-path: /no/spans.json":   `-file-path "/no/spans.json": must be a file that `,
		"zipkin-ca: /no/ca.pem":       `-zipkin-ca "/no/ca.pem": must be `,
	} {
		file := filepath.Join(t.TempDir(), "server.yaml")
		backend := "tracer: zipkin,file,otlp\n"
		if !strings.HasPrefix(setting, "file-path") {
			backend += "file-path: " + filepath.Join(t.TempDir(), "spans.json") + "\n"
		}
		if !strings.HasPrefix(setting, "grpc-addr") {
			backend += "grpc-addr: 127.0.0.1:0\n"
		}
		if strings.HasPrefix(setting, "zipkin-ca") {
			backend += "zipkin-url: https://127.0.0.1:1/api/v2/spans\n"
		}
		if err := os.WriteFile(file, []byte(setting+"\n"+noEtcd+backend), 0o600); err != nil {
			t.Fatal(err)
		}
		var out, errs bytes.Buffer
		code := run(t.Context(), []string{"-config", file}, &out, &errs)
		want = "bookserver: " + file + ":1: " + want
		if have := errs.String(); code != 2 || strings.Count(have, "\n") != 1 ||
			!strings.HasPrefix(have, want) {
			t.Errorf("have status %d and %q, want 2 and %s", code, have, want)
		}
	}
}
