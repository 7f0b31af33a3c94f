package configs_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"bookservice/configs"
)

// An error about the command line is one line.
func TestArgumentErrors(t *testing.T) {
	for _, test := range []struct{ line, want string }{
		{"-zipkin-urll|x", "-zipkin-urll: unknown flag (did you mean -zipkin-url?)"},
		{"--tracr=zipkin", "-tracr: unknown flag (did you mean -tracer?)"},
		{"-nope", "-nope: unknown flag (-h all lists every flag)"},
		{"-nope=s3cret", "-nope: unknown flag (-h all lists every flag)"},
		{"-spool-s|1", "-spool-s: unknown flag (did you mean -spool?)"},
		{"-latency|1s", "-latency: unknown flag (-h all lists every flag)"},
		{"-kafka-xxer|x", "-kafka-xxer: unknown flag (did you mean -kafka-user?)"},
		{"-http://u:s3cret@h", "-http://xxxxx@h: unknown flag (-h all lists every flag)"},
		{"-ttl", "-ttl: must have a value"},
		{"-tracer|noop|-etcd", "-etcd: must have a value"},
		{"-ttl=", `-ttl "": must be a duration, such as 500ms or 10s`},
		{"extra", `unexpected argument "extra": must be a flag (-h lists them)`},
		{"-tracer|noop|extra", `unexpected argument "extra": must be a flag (-h lists them)`},
		{"-", `unexpected argument "-": must be a flag (-h lists them)`},
		{"", `unexpected argument "": must be a flag (-h lists them)`},
		{"---ttl|5s", `unexpected argument "---ttl": must be a flag (-h lists them)`},
		{"-=5s", `unexpected argument "-=5s": must be a flag (-h lists them)`},
		{"--=5s", `unexpected argument "--=5s": must be a flag (-h lists them)`},
		{"-ttl|5s|--|-tracer|zipkn",
			`unexpected argument "-tracer": must be a flag (-h lists them)`},
		{"-ttl|5s|--|x", `unexpected argument "x": must be a flag (-h lists them)`},
		{"http://u:s3cret@h",
			`unexpected argument "http://xxxxx@h": must be a flag (-h lists them)`},
		{"-kafka-tls|false",
			`unexpected argument "false": must be a flag ` +
				`(a value of -kafka-tls follows =, as in -kafka-tls=false)`},
		{"-zipkin-password|my|s3cret",
			"unexpected argument: must be a flag (quote the value of -zipkin-password)"},
		{"-zipkin-url|http://u:a|s3cret@h",
			"unexpected argument: must be a flag (quote the value of -zipkin-url)"},
		{"-version=perhaps", `-version "perhaps": must be true or false`},
		{"-print-config=2", `-print-config "2": must be true or false`},
	} {
		line, want := test.line, test.want
		err := server(strings.Split(line, "|"), io.Discard)
		if err == nil || err.Error() != want {
			t.Errorf("%s:\nhave %v\nwant %s", line, err, want)
		}
	}
	if err := server([]string{"-ttl", "5s", "--"}, io.Discard); err != nil {
		t.Errorf("have %v, want -- to end the flags", err)
	}
}

// Errors about a value have one form. The origin of the value is before it.
func TestOneFormForEveryOrigin(t *testing.T) {
	for _, test := range []struct{ name, value, want string }{
		{"wait", "soon", `-wait "soon": must be a duration, such as 500ms or 10s`},
		{"wait", "5", `-wait "5": must be a duration, such as 500ms or 10s`},
		{"n", "1.5", `-n "1.5": must be a whole number of at most 64 bits`},
		{"n", "9223372036854775808",
			`-n "9223372036854775808": must be a whole number of at most 64 bits`},
		{"spool-bytes", "1e9", `-spool-bytes "1e9": must be a whole number of at most 64 bits`},
		{"sample", "half", `-sample "half": must be a number`},
		{"json", "perhaps", `-json "perhaps": must be true or false`},
		// These values parse, but are not allowed.
		{"n", "0", "-n 0: must be 1 or more"},
		{"n", "-1", "-n -1: must be 1 or more"},
		{"id", "2147483648", "-id 2147483648: must fit in 32 bits"},
		{"id", "-2147483649", "-id -2147483649: must fit in 32 bits"},
		{"lang", "fr", `-lang "fr": must be zh, en or empty`},
		{"wait", "0s", "-wait 0s: must be more than 0"},
		{"wait", "-1ns", "-wait -1ns: must be more than 0"},
	} {
		t.Run(test.name+"="+test.value, func(t *testing.T) {
			if test.name != "json" { // a boolean flag has its value behind "=" only
				wantError(t, client([]string{"-" + test.name, test.value}, io.Discard), test.want)
			}
			argument := "-" + test.name + "=" + test.value
			wantError(t, client([]string{argument}, io.Discard), test.want)
			file := fileWith(t, "# c\n"+test.name+": "+test.value+"\n")
			err := client([]string{"-config", file}, io.Discard)
			wantError(t, err, file+":2: "+test.want)
			var setting interface{ Setting() string }
			if !errors.As(err, &setting) || setting.Setting() != test.name {
				t.Errorf("have %#v, want an error about the setting %s", err, test.name)
			}
			variable := "BOOKCLIENT_" + strings.ToUpper(strings.ReplaceAll(test.name, "-", "_"))
			t.Setenv(variable, test.value)
			wantError(t, client(nil, io.Discard), variable+": "+test.want)
			// The variable overrides the file, and the flag the variable.
			wantError(t, client([]string{"-config", file}, io.Discard), variable+": "+test.want)
			wantError(t, client([]string{"-config", file, argument}, io.Discard), test.want)
		})
	}
}

// The origin in an error is the origin of the setting that the error is about.
func TestOriginIsOfTheSettingThatIsWrong(t *testing.T) {
	file := fileWith(t, "grpc-addr: \":1\"\n")
	t.Setenv("BOOKSERVER_ADMIN_ADDR", "127.0.0.1:0")
	wantError(t, server([]string{"-drain-delay", "0s", "-config", file}, io.Discard),
		file+`:1: -grpc-addr ":1": must have a host unless -advertise host:port is set`)
	t.Setenv("BOOKSERVER_ADVERTISE", "books")
	wantError(t, server([]string{"-config", file}, io.Discard),
		`BOOKSERVER_ADVERTISE: -advertise "books": must be host:port with a port of 1 to 65535`)
}

func TestDemoErrors(t *testing.T) {
	wantError(t, demo([]string{"-lang", "fr"}, io.Discard), `-lang "fr": must be zh, en or empty`)
	t.Setenv("BOOKDEMO_EXIT", "perhaps")
	wantError(t, demo(nil, io.Discard), `BOOKDEMO_EXIT: -exit "perhaps": must be true or false`)
	wantError(t, demo([]string{"-exit", "-tracer", "noop"}, io.Discard),
		"-tracer: unknown flag (-h all lists every flag)")
}

func TestServerValidate(t *testing.T) {
	const (
		port0    = "must be host:port with a port of 0 to 65535"
		port1    = "must be host:port with a port of 1 to 65535"
		loopback = "must be a loopback address, such as 127.0.0.1:9090"
		noHost   = "must have a host unless -advertise host:port is set"
	)
	for _, test := range []struct{ line, want string }{
		{"-grpc-addr :50051", `-grpc-addr ":50051": ` + noHost},
		{"-grpc-addr 0.0.0.0:50051", `-grpc-addr "0.0.0.0:50051": ` + noHost},
		{"-grpc-addr [::]:50051", `-grpc-addr "[::]:50051": ` + noHost},
		{"-grpc-addr :50051 -advertise books:1", ""},
		{"-grpc-addr [::]:0 -advertise [2001::1]:1", ""},
		{"-grpc-addr 127.0.0.1:0", ""},
		{"-grpc-addr 127.0.0.1:65535", ""},
		{"-grpc-addr localhost:1", ""},
		{"-grpc-addr 127.0.0.1:65536", `-grpc-addr "127.0.0.1:65536": ` + port0},
		{"-grpc-addr 127.0.0.1:-1", `-grpc-addr "127.0.0.1:-1": ` + port0},
		{"-grpc-addr 127.0.0.1:+1", `-grpc-addr "127.0.0.1:+1": ` + port0},
		{"-grpc-addr 127.0.0.1:http", `-grpc-addr "127.0.0.1:http": ` + port0},
		{"-grpc-addr 127.0.0.1:", `-grpc-addr "127.0.0.1:": ` + port0},
		{"-grpc-addr 127.0.0.1", `-grpc-addr "127.0.0.1": ` + port0},
		{"-grpc-addr=", `-grpc-addr "": ` + port0},
		{"-grpc-addr http://127.0.0.1:1", `-grpc-addr "http://127.0.0.1:1": ` + port0},
		{"-grpc-addr s3cret@h:1", `-grpc-addr "xxxxx@h:1": ` + port0},
		{"-grpc-addr h/path:1", `-grpc-addr "h/path:1": ` + port0},
		{"-grpc-addr a:1,b:2", `-grpc-addr "a:1,b:2": ` + port0},
		{"-advertise books:0", `-advertise "books:0": ` + port1},
		{"-advertise books", `-advertise "books": ` + port1},
		{"-advertise http://books:1", `-advertise "http://books:1": ` + port1},
		{"-advertise a,b:1", `-advertise "a,b:1": ` + port1},
		{"-advertise :1", `-advertise ":1": must have a host that clients can reach`},
		{"-advertise 0.0.0.0:1", `-advertise "0.0.0.0:1": must have a host that clients can reach`},
		{"-admin-addr 127.0.0.1:0", ""},
		{"-admin-addr 127.8.8.8:0", ""},
		{"-admin-addr localhost:9090", ""},
		{"-admin-addr [::1]:9090", ""},
		{"-admin-addr 0.0.0.0:9090", `-admin-addr "0.0.0.0:9090": ` + loopback},
		{"-admin-addr :9090", `-admin-addr ":9090": ` + loopback},
		{"-admin-addr 10.0.0.1:9090", `-admin-addr "10.0.0.1:9090": ` + loopback},
		{"-admin-addr example.org:9090", `-admin-addr "example.org:9090": ` + loopback},
		{"-admin-addr 127.0.0.1", `-admin-addr "127.0.0.1": ` + port0},
		{"-books https://u:s3cret@h/b.json?t=s3cret",
			`-books "https://xxxxx@h/b.json?xxxxx": must be the path of a file, not a URL`},
		{"-books /a@b/c?d.json", ""},
		{"-latency-list 0s -latency-info 0s", ""},
		{"-fail-share 1.1", "-fail-share 1.1: must be 0 to 1"},
		{"-fail-share NaN", "-fail-share NaN: must be 0 to 1"},
		{"-latency-list -1ns", "-latency-list -1ns: must be 0s or more"},
		{"-latency-info -1ns", "-latency-info -1ns: must be 0s or more"},
		{"-drain-delay 0s", ""},
		{"-drain-delay -1ns", "-drain-delay -1ns: must be 0s or more"},
		{"-drain-timeout 1ns", ""},
		{"-drain-timeout 0s", "-drain-timeout 0s: must be more than 0"},
		{"-max-streams 1 -max-connection-idle 0s -max-connection-age 1ns", ""},
		{"-max-streams 0", "-max-streams 0: must be 1 to 2147483647"},
		{"-max-connection-idle -1s", "-max-connection-idle -1s: must be 0s or more"},
		{"-max-connection-age -1s", "-max-connection-age -1s: must be 0s or more"},
		{"-admin-hosts a,metrics.example", ""},
		{"-admin-hosts a,http://b", `-admin-hosts "a,http://b": must be host names without a port`},
		{"-drain-timeout -1s", "-drain-timeout -1s: must be more than 0"},
	} {
		line, want := test.line, test.want
		switch err := server(strings.Fields(line), io.Discard); {
		case want == "" && err != nil:
			t.Errorf("%s: have %v, want no error", line, err)
		case want != "":
			if err == nil || err.Error() != want {
				t.Errorf("%s:\nhave %v\nwant %s", line, err, want)
			}
		}
	}
}

func TestClientValidate(t *testing.T) {
	for _, line := range []string{
		"-id 2147483647", "-id -2147483648", "-id -1", "-n 1",
		"-lang zh", "-lang en", "-lang=", "-wait 1ns",
	} {
		if err := client(strings.Fields(line), io.Discard); err != nil {
			t.Errorf("%s: have %v, want no error", line, err)
		}
	}
}

// Each part validates its own settings.
func TestEveryPartIsValidated(t *testing.T) {
	for _, test := range []struct {
		command     string
		name, value string
	}{
		{"bookserver", "sample", "2"}, {"bookserver", "ttl", "1s"},
		{"bookserver", "rate-burst", "0"}, {"bookserver", "drain-timeout", "0s"},
		{"bookclient", "sample", "2"}, {"bookclient", "ttl", "1s"},
		{"bookclient", "retry-attempts", "0"}, {"bookclient", "wait", "0s"},
	} {
		err := commands[test.command]([]string{"-" + test.name, test.value}, io.Discard)
		want := test.name + " " + test.value + ": "
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: have %v, want an error with %s", test.command, err, want)
		}
	}
}

// The defaults are valid. Each command has its own service name.
func TestDefaults(t *testing.T) {
	for name, parse := range commands {
		if err := parse(nil, io.Discard); err != nil {
			t.Errorf("%s: have %v", name, err)
		}
	}
	s, c := configs.DefaultServer(), configs.DefaultClient()
	if err := errors.Join(s.Validate(), c.Validate()); err != nil {
		t.Error(err)
	}
	if s.Tracer.ServiceName != "bookserver" || c.Tracer.ServiceName != "bookclient" {
		t.Errorf("have services %q and %q", s.Tracer.ServiceName, c.Tracer.ServiceName)
	}
	if s.Discovery.Prefix != "/services/book/" || c.Discovery.Prefix != "/services/book/" {
		t.Errorf("have prefixes %q and %q", s.Discovery.Prefix, c.Discovery.Prefix)
	}
	d, err := configs.ParseDemo(nil, io.Discard)
	if err != nil || d.Exit || d.Server.GRPCAddr != "127.0.0.1:0" || d.Server.DrainDelay != 0 ||
		d.Server.LatencyList.String() != "200ms" || d.Server.LatencyInfo.String() != "200µs" ||
		d.Rate != 5 || d.Collector.Addr != "127.0.0.1:9411" ||
		d.Server.Tracer.LiveAfter != time.Second || d.Client.Tracer.LiveAfter != time.Second {
		t.Errorf("have %+v, %v", d, err)
	}
	if err := d.Server.Validate(); err != nil {
		t.Errorf("bookdemo's servers: have %v", err)
	}
}

func TestLanguageOfTheOutput(t *testing.T) {
	for _, test := range []struct {
		flag, variable string
		chinese        bool
	}{
		{"", "zh_CN.UTF-8", true}, {"", "C", false}, {"", "", false},
		{"en", "zh_CN.UTF-8", false}, {"zh", "C", true},
	} {
		t.Setenv("LANG", test.variable)
		c := configs.DefaultClient()
		c.Lang = test.flag
		if have := c.Chinese(); have != test.chinese {
			t.Errorf("-lang %q with LANG=%s: have Chinese %v", test.flag, test.variable, have)
		}
	}
}
