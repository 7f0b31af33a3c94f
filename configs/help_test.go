package configs_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"bookservice/configs"
)

var update = flag.Bool("update", false, "write the files in testdata")

// helpOf returns the output of -h with the further argument, if it is not empty.
func helpOf(t *testing.T, parse parser, topic string) string {
	t.Helper()
	args := []string{"-h"}
	if topic != "" {
		args = append(args, topic)
	}
	var out bytes.Buffer
	if err := parse(args, &out); !errors.Is(err, configs.ErrDone) {
		t.Fatalf("-h %s: have %v, want help printed", topic, err)
	}
	return out.String()
}

func checkGolden(t *testing.T, file, have string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(path, []byte(have), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), have); diff != "" {
		t.Errorf("%s (-update writes it): -want +have\n%s", path, diff)
	}
}

func checkColumns(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("have %d columns, want 80 at most: %s", n, line)
		}
	}
}

func TestHelpFitsAScreen(t *testing.T) {
	for name, parse := range commands {
		text := helpOf(t, parse, "")
		checkGolden(t, name+".help", text)
		checkColumns(t, text)
		if n := strings.Count(text, "\n"); n > 24 {
			t.Errorf("%s: have %d lines, want 24 at most", name, n)
		}
	}
}

// Help names only flags that exist, in the list and in the examples.
func TestHelpNamesFlagsThatExist(t *testing.T) {
	for name, parse := range commands {
		known := append(keys(t, parse), "config", "print-config", "version", "h")
		for word := range strings.FieldsSeq(helpOf(t, parse, "")) {
			word = strings.Trim(word, "(),.")
			if flag, ok := strings.CutPrefix(word, "-"); ok && !slices.Contains(known, flag) {
				t.Errorf("%s: -h names -%s, which does not exist", name, flag)
			}
		}
	}
}

func TestHelpAllListsEveryFlagOnce(t *testing.T) {
	for name, parse := range commands {
		text := helpOf(t, parse, "all")
		checkColumns(t, text)
		listed := 0
		for _, flag := range append(keys(t, parse), "config", "print-config", "version") {
			n := strings.Count(text, "\n  -"+flag+"\n") + strings.Count(text, "\n  -"+flag+" ")
			if n != 1 {
				t.Errorf("%s: -%s is listed %d times", name, flag, n)
			}
			listed += n
		}
		if n := strings.Count(text, "\n  -"); n != listed {
			t.Errorf("%s: have %d flags listed, want %d", name, n, listed)
		}
	}
	checkGolden(t, "bookdemo.help-all", helpOf(t, demo, "all"))
}

// The groups are the command's own flags, calls, discovery, tracer, and then each backend.
func TestHelpAllIsGrouped(t *testing.T) {
	type group struct{ title, first string }
	areas := []group{
		{"Discovery", "discovery"}, {"Tracer", "baggage-allow"},
		{"Zipkin", "zipkin-ca"}, {"Zipkin over Kafka", "kafka-brokers"},
		{"Zipkin over RabbitMQ", "rabbitmq-queue"},
		{"OTLP", "otlp-endpoint"}, {"File", "file-keep"},
	}
	server := []group{{"Command line", "config"}, {"Server", "admin-addr"}, {"Calls", "rate-burst"}}
	client := []group{{"Command line", "config"}, {"Client", "heap-bytes"},
		{"Calls", "attempt-timeout"}}
	for name, want := range map[string][]group{
		"bookserver": append(server, areas...),
		"bookclient": append(client, areas...),
		"bookdemo": {{"Command line", "config"}, {"Demo", "collector-addr"},
			{"Zipkin", "zipkin-url"}},
	} {
		var have []group
		lines := strings.Split(helpOf(t, commands[name], "all"), "\n")
		for i, line := range lines {
			if title, ok := strings.CutSuffix(line, ":"); ok && !strings.HasPrefix(line, " ") {
				first, _, _ := strings.Cut(strings.TrimPrefix(lines[i+1], "  -"), " ")
				have = append(have, group{title, first})
			}
		}
		if diff := cmp.Diff(want, have, cmp.AllowUnexported(group{})); diff != "" {
			t.Errorf("%s: -want +have\n%s", name, diff)
		}
	}
}

func TestHelpAllShowsDefaults(t *testing.T) {
	t.Setenv("OTEL_SERVICE_NAME", "books")
	text := helpOf(t, server, "all")
	for _, want := range []string{
		"(default 127.0.0.1:50051)", "(default 10s)", "(default 0s)", "(default auto)",
		"(default books)", "(default amqp://xxxxx@127.0.0.1:5672/)",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("have no %q in\n%s", want, text)
		}
	}
	for _, never := range []string{
		"(default )", `(default "")`, "(default false)", "guest", "\u00a0",
	} {
		if strings.Contains(text, never) {
			t.Errorf("have %q in\n%s", never, text)
		}
	}
}

// -h works in all its forms, also if settings are wrong.
func TestHelpBeforeEverythingElse(t *testing.T) {
	short, all := helpOf(t, server, ""), helpOf(t, server, "all")
	if short == all {
		t.Fatal("have the same text for -h and -h all")
	}
	t.Setenv("BOOKSERVER_TTL", "soon")
	t.Setenv("BOOKSERVER_NONSENSE", "1")
	t.Setenv("OTEL_TRACES_SAMPLER", "sometimes")
	for line, want := range map[string]string{
		"-h": short, "-help": short, "--h": short, "--help": short, "-h=false": short,
		"-ttl soon -h": short, "-h -ttl soon": short, "-h other": short, "-h other all": short,
		"-h all": all, "-help all": all, "--h all": all, "--help all": all, "-h=all": all,
		"-config none -help=all": all,
	} {
		var out bytes.Buffer
		err := server(strings.Fields(line), &out)
		if !errors.Is(err, configs.ErrDone) || out.String() != want {
			t.Errorf("%s: have %v and\n%s", line, err, out.String())
		}
	}
	var out bytes.Buffer
	err := server([]string{"-nope", "-h"}, &out)
	wantError(t, err, "-nope: unknown flag (-h all lists every flag)")
	if out.Len() > 0 {
		t.Errorf("have output %q beside an error", out.String())
	}
}
