package otlp_test

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"

	"bookservice/tracer"
	"bookservice/tracer/otlp"
	"bookservice/tracer/tracertest/receiver"
	"bookservice/tracer/tracertest/testkit"
)

// TestVariables configures the backend with OpenTelemetry's variables alone.
func TestVariables(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			r := receiver.NewOTLP(t, nil)
			s := config("otlp")
			s.variables(t, map[string]string{
				"OTEL_EXPORTER_OTLP_PROTOCOL":    protocol,
				"OTEL_EXPORTER_OTLP_ENDPOINT":    at(r, protocol),
				"OTEL_EXPORTER_OTLP_HEADERS":     "x-key=abc",
				"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
			})
			if err := s.sendOne(t); err != nil {
				t.Fatal(err)
			}
			if len(r.Spans()) != 1 || r.Gzipped() != 1 {
				t.Errorf("have %d spans and %d compressed requests, want one of each",
					len(r.Spans()), r.Gzipped())
			}
			if key := r.Requests()[0].Header.Get("x-key"); len(key) != 1 || key[0] != "abc" {
				t.Errorf("have header %q, want abc", key)
			}
		})
	}
}

// TestATrailingCommaOfHeadersIsIgnored sets headers as scripts write them, by variable and by flag.
func TestATrailingCommaOfHeadersIsIgnored(t *testing.T) {
	for _, protocol := range protocols {
		for _, headers := range []string{"x-key=abc,", " ,x-key=abc, ,", "x-other=1,,x-key=abc"} {
			r := receiver.NewOTLP(t, nil)
			byVariable, byFlag := to(r, protocol), to(r, protocol)
			byVariable.variables(t, map[string]string{"OTEL_EXPORTER_OTLP_HEADERS": headers})
			byFlag.OTLP.Headers = headers
			for _, s := range []*settings{byVariable, byFlag} {
				if err := s.sendOne(t); err != nil {
					t.Errorf("%s %q: %v", protocol, headers, err)
				}
			}
			if len(r.Spans()) != 2 {
				t.Fatalf("%s %q: have %d spans, want 2", protocol, headers, len(r.Spans()))
			}
			for _, request := range r.Requests() {
				if key := request.Header.Get("x-key"); len(key) != 1 || key[0] != "abc" {
					t.Errorf("%s %q: have header %q, want abc", protocol, headers, key)
				}
			}
		}
	}
}

// TestNoVariableIsReadWithoutReadEnvironment sets variables of the process.
func TestNoVariableIsReadWithoutReadEnvironment(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			closed := "http://" + testkit.ClosedAddr(t)
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", closed)
			t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", closed)
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")
			t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=abc")
			t.Setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
			t.Setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", filepath.Join(t.TempDir(), "none.pem"))
			t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "a=b")
			r := receiver.NewOTLP(t, nil)
			if err := to(r, protocol).sendOne(t); err != nil {
				t.Fatal(err)
			}
			header := r.Requests()[0].Header
			if len(r.Spans()) != 1 || r.Gzipped() != 0 || len(header.Get("x-key")) != 0 {
				t.Errorf("have %d spans, %d compressed, header %v, want no effect of the variables",
					len(r.Spans()), r.Gzipped(), header)
			}
			for _, a := range r.ResourceSpans()[0].GetResource().GetAttributes() {
				if a.GetKey() == "a" {
					t.Error("the resource has an attribute of OTEL_RESOURCE_ATTRIBUTES")
				}
			}
		})
	}
}

// TestVariablesAreCheckedIfTheBackendIsSelected checks the errors about invalid variables. They are
// ignored if the backend is not selected.
func TestVariablesAreCheckedIfTheBackendIsSelected(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none.pem")
	const (
		orOthers    = ", collector:4317 or unix:///run/otlp.sock"
		mustBeURL   = "must be like http://127.0.0.1:"
		mustBePairs = "must be name=value pairs with percent-encoded values; pair 2 is not"
	)
	for _, test := range []struct{ variable, value, want string }{
		{"ENDPOINT", "collector:0", `ENDPOINT "collector:0": ` + mustBeURL},
		{"ENDPOINT", "http://", `ENDPOINT "http://": ` + mustBeURL},
		{"ENDPOINT", "http://u:s3cret@h:4317",
			`ENDPOINT "http://xxxxx@h:4317": must have no user: set headers for credentials`},
		{"HEADERS", "a=b,s3cret", `HEADERS: ` + mustBePairs},
		{"CERTIFICATE", none,
			`CERTIFICATE "` + none + `": must be a readable file: no such file or directory`},
	} {
		for _, protocol := range protocols {
			for _, prefix := range []string{"OTEL_EXPORTER_OTLP_", "OTEL_EXPORTER_OTLP_TRACES_"} {
				t.Run(protocol+" "+prefix+test.variable, func(t *testing.T) {
					s := config("otlp")
					variables := map[string]string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": protocol}
					variables[prefix+test.variable] = test.value
					s.variables(t, variables)
					want := prefix + test.want
					switch {
					case !strings.HasSuffix(want, mustBeURL):
					case protocol == otlp.HTTP:
						want += "4318"
					default:
						want += "4317" + orOthers
					}
					_, _, err := tracer.Open(t.Context(), s.Config,
						otlp.Backend(&s.OTLP), tracer.WithLogger(quiet))
					if err == nil || err.Error() != want {
						t.Errorf("have %v, want %s", err, want)
					}
					s.Backend = "noop"
					if err := s.Validate(otlp.Backend(&s.OTLP)); err != nil {
						t.Errorf("noop: have %v, want the variable ignored", err)
					}
				})
			}
		}
	}
}

// TestUnsupportedVariablesAreIgnoredWithAWarning sets protocols, compressions and time-outs that
// are not supported. Each is one warning if the backend is selected, spans arrive, and the variable
// for all signals applies where the one for traces is ignored.
func TestUnsupportedVariablesAreIgnoredWithAWarning(t *testing.T) {
	const all, traces = "OTEL_EXPORTER_OTLP_", "OTEL_EXPORTER_OTLP_TRACES_"
	for _, test := range []struct{ name, value, supported string }{
		{"PROTOCOL", "http/json", "grpc or http/protobuf"},
		{"PROTOCOL", "pigeon", "grpc or http/protobuf"},
		{"COMPRESSION", "zstd", "gzip or none"},
		{"COMPRESSION", "true", "gzip or none"},
		{"TIMEOUT", "10s", "a number of milliseconds, 1 or more"},
		{"TIMEOUT", "soon", "a number of milliseconds, 1 or more"},
		{"TIMEOUT", "1e3", "a number of milliseconds, 1 or more"},
		{"TIMEOUT", "-1", "a number of milliseconds, 1 or more"},
		{"TIMEOUT", "0", "a number of milliseconds, 1 or more"},
		{"TIMEOUT", "99999999999999999999", "a number of milliseconds, 1 or more"},
	} {
		for _, prefix := range []string{all, traces} {
			t.Run(prefix+test.name+"="+test.value, func(t *testing.T) {
				r := receiver.NewOTLP(t, nil)
				s := config("otlp")
				s.variables(t, map[string]string{
					all + "ENDPOINT": r.GRPCURL, prefix + test.name: test.value,
				})
				var log testkit.Buffer
				logged := tracer.WithLogger(slog.New(slog.NewTextHandler(&log, nil)))
				call := func(tr opentracing.Tracer) { tr.StartSpan("call").Finish() }
				if err := s.run(t, call, logged); err != nil || len(r.Spans()) != 1 {
					t.Errorf("have %v and %d spans, want one span", err, len(r.Spans()))
				}
				want := "variable=" + prefix + test.name + " value=" + test.value +
					` supported="` + test.supported + `"`
				if have := log.String(); strings.Count(have, "level=WARN") != 1 ||
					!strings.Contains(have, want) {
					t.Errorf("have %q, want one warning with %s", have, want)
				}
				s.Backend = "noop"
				before := log.String()
				if err := s.run(t, call, logged); err != nil || log.String() != before {
					t.Errorf("noop: have %v and %q, want no warning", err, log.String())
				}
			})
		}
	}
	t.Run("the other variable applies", func(t *testing.T) {
		r := receiver.NewOTLP(t, nil)
		s := config("otlp")
		s.variables(t, map[string]string{
			all + "ENDPOINT": r.HTTPURL,
			all + "PROTOCOL": "HTTP/Protobuf", traces + "PROTOCOL": "http/json",
			all + "COMPRESSION": "GZIP", traces + "COMPRESSION": "zstd",
		})
		if err := s.sendOne(t); err != nil || r.Gzipped() != 1 {
			t.Errorf("have %v and %d compressed requests over HTTP, want one", err, r.Gzipped())
		}
	})
}

// TestSettingsOverrideVariables checks that an invalid variable that is overridden is no error.
func TestSettingsOverrideVariables(t *testing.T) {
	r := receiver.NewOTLP(t, nil)
	s := to(r, otlp.GRPC)
	s.variables(t, map[string]string{
		"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
		"OTEL_EXPORTER_OTLP_ENDPOINT": "nowhere",
		"OTEL_EXPORTER_OTLP_HEADERS":  "x-key",
	})
	s.OTLP.Headers = "x-key=mine"
	if err := s.sendOne(t); err != nil {
		t.Error(err)
	}
	key := r.Requests()[0].Header.Get("x-key")
	if len(r.Spans()) != 1 || len(key) != 1 || key[0] != "mine" {
		t.Errorf("have %d spans with header %q, want 1 with mine", len(r.Spans()), key)
	}
}

// TestEndpointPath checks which path spans are posted to (OTLP/HTTP: endpoint variables).
func TestEndpointPath(t *testing.T) {
	testkit.Slow(t)
	const accepted, refused = 1, 0
	for name, test := range map[string]struct {
		flag, base, signal string // paths
		spans              int
	}{
		"flag without path":             {"-", "", "", accepted},
		"flag with slash":               {"/", "", "", accepted},
		"flag with path":                {"/v1/traces", "", "", accepted},
		"flag with another path":        {"/other", "", "", refused},
		"base without path":             {"", "-", "", accepted},
		"base with path":                {"", "/base", "", refused},
		"signal with path":              {"", "", "/v1/traces", accepted},
		"signal without path":           {"", "", "-", refused},
		"signal overrides base":         {"", "/base", "/v1/traces", accepted},
		"flag overrides both variables": {"/v1/traces", "/base", "/base", accepted},
	} {
		t.Run(name, func(t *testing.T) {
			r := receiver.NewOTLP(t, nil)
			url := func(path string) string {
				switch path {
				case "":
					return ""
				case "-":
					return r.HTTPURL
				}
				return r.HTTPURL + path
			}
			s := config("otlp")
			s.OTLP.Protocol, s.OTLP.Endpoint = otlp.HTTP, url(test.flag)
			s.FlushTimeout = time.Second
			s.variables(t, map[string]string{
				"OTEL_EXPORTER_OTLP_ENDPOINT":        url(test.base),
				"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": url(test.signal),
			})
			_ = s.run(t, func(tr opentracing.Tracer) { tr.StartSpan("call").Finish() })
			if have := len(r.Spans()); have != test.spans {
				t.Errorf("have %d spans, want %d", have, test.spans)
			}
		})
	}
}
