package tracer_test

import (
	"path/filepath"
	"testing"

	"bookservice/tracer"
)

// What OpenTelemetry's variables say and cannot be done is an error that names the variable, and not silence.
func TestOTLPVariablesThatMakeNoSense(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none.pem")
	for _, test := range []struct{ variable, value, want string }{
		{"PROTOCOL", "http/json", `PROTOCOL "http/json": must be grpc or http/protobuf`},
		{"ENDPOINT", "collector:4317", `ENDPOINT "collector:4317": must be like http://127.0.0.1:4317`},
		{"ENDPOINT", "http://", `ENDPOINT "http://": must be like http://127.0.0.1:4317`},
		{"ENDPOINT", "http://u:s3cret@h:4317", `ENDPOINT "http://u:xxxxx@h:4317": must have no user: credentials are headers here`},
		{"HEADERS", "a=b,s3cret", `HEADERS: pair 2: must be key=value with a percent-encoded value`},
		{"COMPRESSION", "zstd", `COMPRESSION "zstd": must be gzip or none`},
		{"TIMEOUT", "10s", `TIMEOUT "10s": must be a whole number of milliseconds, 1 or more`},
		{"CERTIFICATE", none, `CERTIFICATE: open ` + none + `: no such file or directory`},
	} {
		for _, protocol := range protocols {
			for _, prefix := range []string{"OTEL_EXPORTER_OTLP_", "OTEL_EXPORTER_OTLP_TRACES_"} {
				t.Run(protocol+" "+prefix+test.variable, func(t *testing.T) {
					t.Setenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", protocol)
					t.Setenv(prefix+test.variable, test.value)
					if prefix+test.variable == "OTEL_EXPORTER_OTLP_PROTOCOL" {
						t.Setenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "")
					}
					want := "tracer: " + prefix + test.want
					if test.variable == "CERTIFICATE" {
						want = "tracer: otlp: " + prefix + test.want
					}
					if _, _, err := tracer.Open(t.Context(), config("otlp"), tracer.WithLogger(quiet)); err == nil || err.Error() != want {
						t.Errorf("have %v, want %s", err, want)
					}
				})
			}
		}
	}
}

// A setting of ours goes before the variable, so that nothing is wrong with what the variable says.
func TestOTLPSettingsGoBeforeVariables(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "nowhere")
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key")
	r := newReceiver(t, nil)
	c := config("otlp")
	c.OTLP.Protocol, c.OTLP.Endpoint, c.OTLP.Headers = tracer.OTLPGRPC, r.at(tracer.OTLPGRPC), "x-key=mine"
	if err := sendOne(t, c); err != nil {
		t.Error(err)
	}
	if len(r.received()) != 1 || r.headers[0] != "mine" {
		t.Errorf("have %d spans with header %q", len(r.received()), r.headers)
	}
}
