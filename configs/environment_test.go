package configs_test

import (
	"io"
	"strings"
	"testing"

	"bookservice/configs"
)

// A variable that begins with the command's prefix and is no setting is an error. The error has the
// name of the variable and not its value.
func TestUnknownVariable(t *testing.T) {
	for variable, want := range map[string]string{
		"BOOKSERVER_ZIPKIN_URLL":  "unknown variable (did you mean BOOKSERVER_ZIPKIN_URL?)",
		"BOOKSERVER_ZIPKINURL":    "unknown variable (did you mean BOOKSERVER_ZIPKIN_URL?)",
		"BOOKSERVER_NONSENSE":     "unknown variable (-h all lists every flag)",
		"BOOKSERVER_":             "unknown variable (-h all lists every flag)",
		"BOOKSERVER_ttl":          "unknown variable (did you mean BOOKSERVER_TTL?)",
		"BOOKSERVER_BOOKS_":       "unknown variable (did you mean BOOKSERVER_BOOKS?)",
		"BOOKSERVER_WAIT":         "unknown variable (-h all lists every flag)", // bookclient's
		"BOOKSERVER_VERSION":      "no setting; use the flag -version",
		"BOOKSERVER_PRINT_CONFIG": "no setting; use the flag -print-config",
		"BOOKSERVER_H":            "no setting; use the flag -h",
		"BOOKSERVER_HELP":         "no setting; use the flag -h",

		// Similar to variables of Kubernetes and Docker.
		"BOOKSERVER_PORT":           "unknown variable (-h all lists every flag)",
		"BOOKSERVER_NAME":           "unknown variable (-h all lists every flag)",
		"BOOKSERVER_SERVICE_HOSTS":  "unknown variable (-h all lists every flag)",
		"BOOKSERVER_PORT_X_TCP":     "unknown variable (-h all lists every flag)",
		"BOOKSERVER_PORT_1_TCP_X":   "unknown variable (-h all lists every flag)",
		"BOOKSERVER_XSERVICE_HOST":  "unknown variable (-h all lists every flag)",
		"BOOKSERVER_A_NAME":         "unknown variable (-h all lists every flag)",
		"BOOKSERVER_GRPC_PORT":      "unknown variable (-h all lists every flag)",
		"BOOKSERVER_SERVICE_PORTAL": "unknown variable (-h all lists every flag)",
	} {
		t.Run(variable, func(t *testing.T) {
			for _, value := range []string{"s3cret", ""} {
				t.Setenv(variable, value)
				wantError(t, server(nil, io.Discard), variable+": "+want)
			}
			if err := client(nil, io.Discard); err != nil {
				t.Errorf("bookclient: have %v, want no error about bookserver's variables", err)
			}
		})
	}
}

func TestUnknownVariableOfEachCommand(t *testing.T) {
	for name, parse := range commands {
		for _, suffix := range []string{"_NONSENSE", "_VERSION", "_PRINT_CONFIG", "_H", "_HELP"} {
			t.Run(name+suffix, func(t *testing.T) {
				variable := strings.ToUpper(name) + suffix
				t.Setenv(variable, "true")
				err := parse(nil, io.Discard)
				if err == nil || !strings.HasPrefix(err.Error(), variable+": ") {
					t.Errorf("have %v, want an error about %s", err, variable)
				}
			})
		}
	}
}

// Of several unknown variables, the error is about the first one by name.
func TestUnknownVariablesInOrder(t *testing.T) {
	for _, suffix := range []string{"Z", "A", "Y", "B"} {
		t.Setenv("BOOKSERVER_NONSENSE_"+suffix, "1")
	}
	wantError(t, server(nil, io.Discard),
		"BOOKSERVER_NONSENSE_A: unknown variable (-h all lists every flag)")
}

// Variables that Kubernetes and Docker set for the command's services and links are ignored.
func TestVariablesOfPlatforms(t *testing.T) {
	before := printed(t, server)
	for variable, value := range map[string]string{
		"BOOKSERVER_SERVICE_HOST":              "10.0.0.11",
		"BOOKSERVER_SERVICE_PORT":              "50051",
		"BOOKSERVER_SERVICE_PORT_GRPC":         "50051",
		"BOOKSERVER_SERVICE_PORT_HTTP_ADMIN":   "9090",
		"BOOKSERVER_PORT":                      "tcp://10.0.0.11:50051",
		"BOOKSERVER_PORT_50051_TCP":            "tcp://10.0.0.11:50051",
		"BOOKSERVER_PORT_50051_TCP_PROTO":      "tcp",
		"BOOKSERVER_PORT_50051_TCP_PORT":       "50051",
		"BOOKSERVER_PORT_50051_TCP_ADDR":       "10.0.0.11",
		"BOOKSERVER_PORT_53_UDP":               "udp://10.0.0.11:53",
		"BOOKSERVER_PORT_1_SCTP_ADDR":          "10.0.0.11",
		"BOOKSERVER_ADMIN_SERVICE_HOST":        "10.0.0.12", // of a service bookserver-admin
		"BOOKSERVER_ADMIN_SERVICE_PORT":        "9090",
		"BOOKSERVER_ADMIN_PORT":                "tcp://10.0.0.12:9090",
		"BOOKSERVER_ADMIN_PORT_9090_TCP":       "tcp://10.0.0.12:9090",
		"BOOKSERVER_ADMIN_PORT_9090_TCP_PROTO": "tcp",
		"BOOKSERVER_NAME":                      "/web/bookserver", // Docker's
		"BOOKSERVER_ENV_PATH":                  "/bin",
		"BOOKSERVER_PORT_1_TCP_START":          "tcp://10.0.0.11:1",
		"BOOKSERVER_PORT_1_TCP_END":            "tcp://10.0.0.11:9",
		"BOOKSERVER_PORT_START":                "tcp://10.0.0.11:1",
		"BOOKSERVER_PORT_END":                  "tcp://10.0.0.11:9",
	} {
		t.Setenv(variable, value)
	}
	if have := printed(t, server); have != before {
		t.Errorf("have\n%s\nwant the defaults\n%s", have, before)
	}
	t.Setenv("BOOKSERVER_SERVICE_NAME", "books") // a setting of ours
	c, err := configs.ParseServer(nil, io.Discard)
	if err != nil || c.Tracer.ServiceName != "books" {
		t.Errorf("have service-name %q, %v", c.Tracer.ServiceName, err)
	}
}
