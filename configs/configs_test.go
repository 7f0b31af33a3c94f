package configs_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bookservice/configs"
)

// A parser is ParseServer, ParseClient or ParseDemo without its configuration.
type parser func(args []string, stdout io.Writer) error

func server(args []string, w io.Writer) error { _, err := configs.ParseServer(args, w); return err }
func client(args []string, w io.Writer) error { _, err := configs.ParseClient(args, w); return err }
func demo(args []string, w io.Writer) error   { _, err := configs.ParseDemo(args, w); return err }

func collector(args []string, w io.Writer) error {
	_, err := configs.ParseCollector(args, w)
	return err
}

var commands = map[string]parser{
	"bookserver": server, "bookclient": client, "bookcollector": collector, "bookdemo": demo,
}

// printed returns the output of -print-config with these arguments.
func printed(t *testing.T, parse parser, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	if err := parse(append(args, "-print-config"), &out); !errors.Is(err, configs.ErrDone) {
		t.Fatalf("%q: have %v, want the configuration printed", args, err)
	}
	return out.String()
}

// keys returns all settings of a command.
func keys(t *testing.T, parse parser) (all []string) {
	t.Helper()
	for line := range strings.Lines(printed(t, parse)) {
		key, _, _ := strings.Cut(line, ":")
		all = append(all, key)
	}
	return all
}

// fileWith returns the path of a file with this content.
func fileWith(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "settings.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// wantError checks that the error is exactly this line.
func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || err.Error() != want {
		t.Errorf("have error %v\nwant       %s", err, want)
	}
}

func TestFlagBeforeEnvironmentBeforeFile(t *testing.T) {
	file := fileWith(t, "n: 3\nid: 3\nlang: zh\nwait: 3s\n")
	t.Setenv("BOOKCLIENT_ID", "2")
	t.Setenv("BOOKCLIENT_LANG", "en")
	t.Setenv("BOOKCLIENT_WAIT", "") // empty counts as not set
	c, err := configs.ParseClient([]string{"-config", file, "-lang", ""}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if c.Runs != 3 || c.ID != 2 || c.Lang != "" || c.Wait.String() != "3s" || c.JSON {
		t.Errorf("have n %d, id %d, lang %q, wait %v, json %v, want 3 from the file, "+
			"2 from the environment, empty by flag, 3s from the file, the default",
			c.Runs, c.ID, c.Lang, c.Wait, c.JSON)
	}
}

// Only the value in force is parsed: a malformed one that is overridden is no error.
func TestOverriddenValueIsNotParsed(t *testing.T) {
	t.Setenv("BOOKCLIENT_WAIT", "soon")
	file := fileWith(t, "wait: never\nid: none\n")
	t.Setenv("BOOKCLIENT_ID", "7")
	c, err := configs.ParseClient([]string{"-config", file, "-wait", "7s"}, io.Discard)
	if err != nil || c.Wait.String() != "7s" || c.ID != 7 {
		t.Errorf("have wait %v, id %d, %v, want 7s and 7", c.Wait, c.ID, err)
	}
}

func TestLastOfRepeatedFlagsWins(t *testing.T) {
	c, err := configs.ParseClient([]string{"-n", "2", "--n=3", "-json", "-json=false"}, io.Discard)
	if err != nil || c.Runs != 3 || c.JSON {
		t.Errorf("have n %d, json %v, %v, want 3 and false", c.Runs, c.JSON, err)
	}
}

// Every setting is set by its flag, its variable and its key.
func TestThreeWaysToSetEachSetting(t *testing.T) {
	for name, parse := range commands {
		before := printed(t, parse)
		for _, key := range keys(t, parse) {
			value := other(key, before)
			shown := value
			if isSecret.MatchString(key) {
				shown = "xxxxx"
			}
			want := key + `: "` + shown + `"` + "\n"
			check := func(way string, args ...string) {
				t.Helper()
				if have := printed(t, parse, args...); !strings.Contains("\n"+have, "\n"+want) {
					t.Errorf("%s: %s by %s: have\n%swant %s", name, key, way, have, want)
				}
			}
			context := needs[key]
			check("flag", append(context, "-"+key+"="+value)...)
			check("key", append(context, "-config", fileWith(t, key+": "+value+"\n"))...)
			variable := strings.ToUpper(name + "_" + strings.ReplaceAll(key, "-", "_"))
			t.Setenv(variable, value)
			check("variable", context...)
			t.Setenv(variable, "")
		}
	}
}

var isSecret = regexp.MustCompile(`(password|token|headers)$`)

// needs has the arguments that must accompany a setting.
var needs = map[string][]string{
	"discovery":          {"-instances", "a:1"},
	"etcd-ca":            {"-etcd", "https://a:1"},
	"etcd-cert":          {"-etcd", "https://a:1", "-etcd-key", "k"},
	"etcd-key":           {"-etcd", "https://a:1", "-etcd-cert", "c"},
	"etcd-user":          {"-etcd-password", "p"},
	"etcd-password":      {"-etcd-user", "u"},
	"etcd-password-file": {"-etcd-user", "u"},
	"zipkin-password":    {"-zipkin-user", "u"},
	"zipkin-cert":        {"-zipkin-key", "k"},
	"zipkin-key":         {"-zipkin-cert", "c"},
	"kafka-sasl":         {"-kafka-user", "u"},
	"kafka-password":     {"-kafka-user", "u"},
}

// other returns an allowed value of a setting that is not its default, as -print-config shows it.
func other(key, defaults string) string {
	special := map[string]string{
		"addr": "127.0.0.1:1", "otlp-grpc-addr": "127.0.0.1:1", "max-body": "9999",
		"allow-origin": "http://a",
		"grpc-addr":    "127.0.0.1:1", "advertise": "books:1", "admin-addr": "localhost:0",
		"lang":           "en",
		"collector-addr": "127.0.0.1:1", "fault": "kill=10s",
		"discovery-format": "auto", "register": "background", "instance-metadata": "zone=a",
		"subset": "3", "balancer": "random", "hedge": "p95",
		"rate-mode": "off", "discovery": "static", "etcd": "a:1,b:2", "instances": "a:1,b:2",
		"prefix": "/a/", "tracer": "log,memory", "sampler": "never", "sample": "0.5",
		"sample-operations": "a=never", "trace-id-bits": "64", "senders": "9",
		"breaker-error-percent": "0.5", "retry-backoff": "20ms", "propagation": "b3,w3c",
		"baggage-max-bytes": "9",
		"baggage-allow":     "a,b", "baggage-tags": "a,b",
		"zipkin-url": "http://z/", "zipkin-format": "json", "zipkin-gzip": "true",
		"zipkin-transport": "kafka", "kafka-brokers": "a:1,b:2", "kafka-sasl": "plain",
		"rabbitmq-url": "amqp://r/", "otlp-endpoint": "http://o", "otlp-protocol": "grpc",
		"zipkin-headers": "a=b", "otlp-headers": "a=b",
	}
	if value, ok := special[key]; ok {
		return value
	}
	def := regexp.MustCompile(`(?m)^` + key + `: "(.*)"$`).FindStringSubmatch(defaults)[1]
	switch {
	case def == "0":
		return "1"
	case def == "true":
		return "false"
	case def == "false":
		return "true"
	case regexp.MustCompile(`^\d+$`).MatchString(def):
		return def + "0"
	case regexp.MustCompile(`^\d+(\.\d+)?(ms|s|m0?s?)`).MatchString(def):
		return "7s"
	}
	return "text"
}

func TestShippedFilesListEveryKeyWithItsDefault(t *testing.T) {
	for _, name := range []string{"bookserver", "bookclient"} {
		t.Run(name, func(t *testing.T) {
			parse, file := commands[name], name+".yaml"
			defaults := printed(t, parse)
			if diff := cmp.Diff(defaults, printed(t, parse, "-config", file)); diff != "" {
				t.Errorf("-defaults +%s\n%s", file, diff)
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range keys(t, parse) {
				if !regexp.MustCompile(`(?m)^# .+\n` + key + `: `).Match(text) {
					t.Errorf("%s: have no key %s below a comment", file, key)
				}
			}
		})
	}
}

// The files have the groups and keys of -h all, in the same order.
func TestShippedFilesAreGroupedAsHelpIs(t *testing.T) {
	inFile := regexp.MustCompile(`(?m)^# ([A-Z].*)\n\n|^([a-z0-9-]+): `)
	inHelp := regexp.MustCompile(`(?m)^([A-Z][^\n]*):$|^  -([a-z0-9-]+)`)
	for _, name := range []string{"bookserver", "bookclient"} {
		text, err := os.ReadFile(name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		var have []string
		for _, m := range inFile.FindAllStringSubmatch(string(text), -1) {
			have = append(have, m[1]+m[2])
		}
		var want []string
		for _, m := range inHelp.FindAllStringSubmatch(helpOf(t, commands[name], "all"), -1) {
			want = append(want, m[1]+m[2])
		}
		want = want[4:] // without the group of -config, -print-config and -version
		if diff := cmp.Diff(want, have[len(have)-len(want):]); diff != "" {
			t.Errorf("%s: -help +file\n%s", name, diff)
		}
	}
}

func TestPrintedConfigurationMasksPasswordsAndLoads(t *testing.T) {
	for url, want := range map[string]string{
		"http://u:s3cret@127.0.0.1:9411/p":        `"http://xxxxx@127.0.0.1:9411/p"`,
		"http://s3cret@127.0.0.1:9411/p?k=s3cret": `"http://xxxxx@127.0.0.1:9411/p?xxxxx"`,
		"http://u:s3cret@s3cret@127.0.0.1:9411/p": `"http://xxxxx`,
	} {
		out := printed(t, server, "-tracer", "zipkin", "-zipkin-url", url)
		if strings.Contains(out, "s3cret") || !strings.Contains(out, "\nzipkin-url: "+want) {
			t.Errorf("%s: have\n%s\nwant %s, without the password",
				url, lineOf(out, "zipkin-url"), want)
		}
		if !strings.Contains(want, "127.0.0.1") {
			continue // what is shown need not be a URL
		}
		if again := printed(t, server, "-config", fileWith(t, out)); again != out {
			t.Errorf("-first +loaded\n%s", cmp.Diff(out, again))
		}
	}
}

func TestPrintedConfigurationIsInForce(t *testing.T) {
	t.Setenv("BOOKSERVER_TTL", "4s")
	t.Setenv("OTEL_SERVICE_NAME", "books")
	file := fileWith(t, "etcd: [a:1, b:2]\nttl: 9s\n")
	out := printed(t, server, "-rate-mode", "off", "-config", file)
	for _, want := range []string{
		`ttl: "4s"`, `rate-mode: "off"`, `etcd: "a:1,b:2"`, `service-name: "books"`,
	} {
		if !strings.Contains(out, "\n"+want+"\n") {
			t.Errorf("have no %s in\n%s", want, out)
		}
	}
	for _, action := range []string{"config", "version", "print-config"} {
		if strings.Contains("\n"+out, "\n"+action+":") {
			t.Errorf("have the action %s in\n%s", action, out)
		}
	}
}

func TestVersion(t *testing.T) {
	t.Setenv("BOOKSERVER_TTL", "soon") // -version needs no setting
	t.Setenv("OTEL_TRACES_SAMPLER", "sometimes")
	var out bytes.Buffer
	err := server([]string{"-version", "-grpc-addr", "x"}, &out)
	version := regexp.MustCompile(`^bookserver \S+\n$`)
	if !errors.Is(err, configs.ErrDone) || !version.MatchString(out.String()) {
		t.Errorf("have %v and %q", err, out.String())
	}
}

// Variables of OpenTelemetry set the defaults of the tracer's flags. A value that is not supported
// is a warning.
func TestVariablesOfOpenTelemetry(t *testing.T) {
	t.Setenv("OTEL_SERVICE_NAME", "books")
	s, errServer := configs.ParseServer(nil, io.Discard)
	c, errClient := configs.ParseClient([]string{"-service-name", "asks"}, io.Discard)
	if err := errors.Join(errServer, errClient); err != nil {
		t.Fatal(err)
	}
	if s.Tracer.ServiceName != "books" || c.Tracer.ServiceName != "asks" {
		t.Errorf("have services %q and %q", s.Tracer.ServiceName, c.Tracer.ServiceName)
	}
	t.Setenv("OTEL_TRACES_SAMPLER", "sometimes")
	s, errServer = configs.ParseServer(nil, io.Discard)
	c, errClient = configs.ParseClient(nil, io.Discard)
	if err := errors.Join(errServer, errClient); err != nil {
		t.Fatal(err)
	}
	for name, warnings := range map[string]configs.Warnings{
		"bookserver": s.Warnings, "bookclient": c.Warnings,
	} {
		var out bytes.Buffer
		warnings.Log(t.Context(), slog.New(slog.NewTextHandler(&out, nil)))
		if have := out.String(); strings.Count(have, "\n") != 1 ||
			!strings.Contains(have, "level=WARN") ||
			!strings.Contains(have, "variable=OTEL_TRACES_SAMPLER value=sometimes") {
			t.Errorf("%s: have %q, want a warning about OTEL_TRACES_SAMPLER", name, have)
		}
		warnings.Log(t.Context(), slog.New(slog.DiscardHandler))
	}
}
