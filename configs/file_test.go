package configs_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bookservice/configs"
)

// What a flag asks to be done is nothing that a file can ask for.
func TestAFileHasSettingsOnly(t *testing.T) {
	for _, key := range []string{"config", "version", "print-config"} {
		path := filepath.Join(t.TempDir(), "server.yaml")
		if err := os.WriteFile(path, []byte(key+": true\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		want := "config " + path + `: key "` + key + `": can be a flag only`
		if _, err := configs.ParseServer([]string{"-config", path}, io.Discard); err == nil || err.Error() != want {
			t.Errorf("have %v, want %s", err, want)
		}
	}
}

func TestAKeyIsThereOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "server.yaml")
	if err := os.WriteFile(path, []byte("ttl: 5s\ntracer: noop\nttl: 6s\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := configs.ParseServer([]string{"-config", path}, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "config "+path+": ") || !strings.Contains(err.Error(), `line 3: mapping key "ttl" already defined at line 1`) ||
		strings.Contains(err.Error(), "\n") {
		t.Errorf("have %v, want one line that names file, key and lines", err)
	}
}

// A mistake in the tracer's settings is seen while tracing is off, in every way to set them.
func TestMistakesUnderNoop(t *testing.T) {
	path := filepath.Join(t.TempDir(), "client.yaml")
	if err := os.WriteFile(path, []byte("zipkin-url: nowhere\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"-zipkin-url", "nowhere"}, {"-config", path}} {
		if _, err := configs.ParseClient(args, io.Discard); err == nil || !strings.Contains(err.Error(), `zipkin-url "nowhere": must be like http://`) {
			t.Errorf("%v: have %v", args, err)
		}
	}
	t.Setenv("BOOKCLIENT_ZIPKIN_URL", "nowhere")
	if _, err := configs.ParseClient(nil, io.Discard); err == nil || !strings.Contains(err.Error(), `zipkin-url "nowhere"`) {
		t.Errorf("have %v", err)
	}
}
