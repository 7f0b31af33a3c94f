package configs_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bookservice/configs"
)

// printed returns what -print-config says under the given arguments.
func printed(t *testing.T, parse func([]string, io.Writer) error, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	if err := parse(append(args, "-print-config"), &out); !errors.Is(err, configs.ErrDone) {
		t.Fatalf("have %v, want the configuration printed", err)
	}
	return out.String()
}

func server(args []string, w io.Writer) error { _, err := configs.ParseServer(args, w); return err }
func client(args []string, w io.Writer) error { _, err := configs.ParseClient(args, w); return err }

func TestShippedFilesListEveryKeyWithItsDefault(t *testing.T) {
	for file, parse := range map[string]func([]string, io.Writer) error{"bookserver.yaml": server, "bookclient.yaml": client} {
		t.Run(file, func(t *testing.T) {
			defaults := printed(t, parse)
			if diff := cmp.Diff(defaults, printed(t, parse, "-config", file)); diff != "" {
				t.Errorf("-defaults +%s\n%s", file, diff)
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(defaults) {
				key, _, _ := strings.Cut(line, ":")
				if !strings.Contains(string(text), "\n"+key+": ") {
					t.Errorf("%s does not list %s", file, key)
				}
			}
		})
	}
}

func TestFlagBeforeEnvironmentBeforeFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "client.yaml")
	if err := os.WriteFile(file, []byte("n: 3\nid: 3\nlang: zh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("BOOKCLIENT_ID", "2")
	t.Setenv("BOOKCLIENT_LANG", "en")
	c, err := configs.ParseClient([]string{"-config", file, "-lang", ""}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if c.Runs != 3 || c.ID != 2 || c.Lang != "" {
		t.Errorf("have n %d, id %d, lang %q, want 3 from the file, 2 from the environment, none by flag", c.Runs, c.ID, c.Lang)
	}
}

func TestPrintedConfigurationMasksPasswordsAndLoads(t *testing.T) {
	for _, args := range [][]string{
		{"-tracer", "zipkin", "-zipkin-url", "http://u:s3cret@127.0.0.1:9411/api/v2/spans"},
		{"-tracer", "zipkin", "-zipkin-url", "http://u:s3cret@s3cret@127.0.0.1:9411/api/v2/spans"},
	} {
		out := printed(t, server, args...)
		if strings.Contains(out, "s3cret") || !strings.Contains(out, "http://u:xxxxx@127.0.0.1:9411/api/v2/spans") {
			t.Errorf("have the password, or not the rest of the URL, in\n%s", out)
		}
		file := filepath.Join(t.TempDir(), "server.yaml")
		if err := os.WriteFile(file, []byte(out), 0o600); err != nil {
			t.Fatal(err)
		}
		if again := printed(t, server, "-config", file); again != out {
			t.Errorf("-first +loaded\n%s", cmp.Diff(out, again))
		}
	}
}
