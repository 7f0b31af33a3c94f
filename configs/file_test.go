package configs_test

import (
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bookservice/configs"
)

func TestAListInYAMLIsTheWholeList(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{`etcd: ["a:1", "b:2", "c:3"]`, `etcd: "a:1,b:2,c:3"`},
		{"etcd: [a:1, b:2, c:3]", `etcd: "a:1,b:2,c:3"`},
		{"etcd:\n  - a:1\n  - 'b:2'\n", `etcd: "a:1,b:2"`},
		{"etcd: [a:1]", `etcd: "a:1"`},
		{"etcd: a:1,b:2", `etcd: "a:1,b:2"`},
		{"discovery: static\ninstances:\n- a:1\n- b:2", `instances: "a:1,b:2"`},
		{"tracer: [zipkin, log]", `tracer: "zipkin,log"`},
		{"propagation: [b3, w3c]", `propagation: "b3,w3c"`},
		{"kafka-brokers: [a:1, b:2]", `kafka-brokers: "a:1,b:2"`},
		{"baggage-allow: [tenant, 0x10, off, 1.10, !!str a]",
			`baggage-allow: "tenant,0x10,off,1.10,a"`},
		{"baggage-allow: []", `baggage-allow: ""`},
		{"baggage-tags: [tenant,\n  user]", `baggage-tags: "tenant,user"`},
		{"sample-operations: [a=never, b*=10/s]", `sample-operations: "a=never,b*=10/s"`},
		{"zipkin-headers: [a=1, b=2]", `zipkin-headers: "xxxxx"`},
		{"otlp-headers: [a=1, b=2]", `otlp-headers: "xxxxx"`},
	} {
		text, want := test.text, test.want
		out := printed(t, server, "-config", fileWith(t, text))
		if !strings.Contains("\n"+out, "\n"+want+"\n") {
			key, _, _ := strings.Cut(want, ":")
			t.Errorf("%q: have %s, want %s", text, lineOf(out, key), want)
		}
	}
	file := fileWith(t, "otlp-headers: [a=1, b=2]")
	c, err := configs.ParseServer([]string{"-config", file}, io.Discard)
	if err != nil || c.Tracer.OTLP.Headers != "a=1,b=2" {
		t.Errorf("have headers %q, %v", c.Tracer.OTLP.Headers, err)
	}
}

func lineOf(out, key string) string {
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, key+": ") {
			return strings.TrimSpace(line)
		}
	}
	return "no " + key
}

// A file may have a list for each flag whose help mentions commas, and for no other flag.
func TestEveryListFlagTakesAList(t *testing.T) {
	lists := 0
	for name, parse := range map[string]parser{"bookserver": server, "bookclient": client} {
		help := helpOf(t, parse, "all")
		for _, key := range keys(t, parse) {
			_, text, _ := strings.Cut(help, "\n  -"+key)
			text, _, _ = strings.Cut(text, "\n  -")
			isList := strings.Contains(text, "comma") ||
				slices.Contains([]string{"tracer", "propagation", "sample-operations"}, key)
			file := fileWith(t, key+": [a, b]\n")
			err := parse([]string{"-config", file}, io.Discard)
			noList := file + ":1: -" + key + ": must be one value, not a list"
			refused := err != nil && err.Error() == noList
			if refused == isList {
				t.Errorf("%s: -%s is a list: %v by its help, and [a, b] gives %v",
					name, key, isList, err)
			}
			if isList {
				lists++
			}
		}
	}
	if lists != 2*11+1 { // -admin-hosts is bookserver's only
		t.Errorf("have %d flags with lists, want 23", lists)
	}
}

// A value is the text as it is written, whatever type YAML sees in it.
func TestTextInYAMLIsAsWritten(t *testing.T) {
	tests := map[string]string{
		"a # comment": "a", "a\n  b": "a b",
		`"0123"`: "0123", `"a\tb\u00e9\"\\"`: "a\tbé\"\\", `'it''s'`: "it's", `" a "`: " a ",
		`""`: "", "''": "", `"*a"`: "*a", `'&a'`: "&a", `"!a"`: "!a", `"#a"`: "#a",
		"!!str 0123": "0123", `!!str "a"`: "a",
		"|\n  a\n   b\n": "a\n b\n", "|-\n  a: *b\n  # c\n": "a: *b\n# c", "|+\n  a\n": "a\n\n",
		">\n  a\n  b\n": "a b\n", ">-\n  a\n\n  b": "a\nb",
	}
	for _, plain := range []string{
		"0123", "1.10", "1e3", "0x10", "0o17", "1_000", "12345678901234567890", "012:30", ".inf",
		"~", "null", "yes", "off", "True", "2001-01-01", "2001-01-01T00:00:00Z",
		"a b", "a:b", "a#b", "a*&!b", "=", "-1", "中文",
	} {
		tests[plain] = plain
	}
	for yaml, want := range tests {
		text := "zipkin-user: u\nzipkin-password: " + yaml + "\n"
		c, err := configs.ParseServer([]string{"-config", fileWith(t, text)}, io.Discard)
		if have := c.Tracer.Zipkin.Password; err != nil || have != want {
			t.Errorf("%q: have password %q, %v, want %q", yaml, have, err, want)
		}
	}
	text := "rate-mode: off\nservice-version: 1.10\nsample: 1e-3\nrate-burst: 0x10\n"
	c, err := configs.ParseServer([]string{"-config", fileWith(t, text)}, io.Discard)
	if err != nil || c.Guards.RateMode != "off" || c.Guards.RateBurst != 16 ||
		c.Tracer.ServiceVersion != "1.10" || c.Tracer.Sample != 0.001 {
		t.Errorf("have rate-mode %q, rate-burst %d, service-version %q, sample %v, %v",
			c.Guards.RateMode, c.Guards.RateBurst, c.Tracer.ServiceVersion, c.Tracer.Sample, err)
	}
}

// Byte order marks, line ends, comments and YAML's styles do not change the settings.
func TestFileAroundTheSettings(t *testing.T) {
	for name, text := range map[string]string{
		"byte order mark":        "\ufeffttl: 7s\n",
		"CRLF":                   "# c\r\nttl: 7s\r\n",
		"no newline":             "ttl: 7s",
		"start and end":          "%YAML 1.1\n---\nttl: 7s\n...\n",
		"comments":               "# a\n\nttl: 7s # b\n\n# c\n",
		"flow":                   "{ttl: 7s}",
		"indented":               "  ttl: 7s\n  tracer: noop\n",
		"quoted key":             "'ttl': 7s\n",
		"value on the next line": "ttl:\n  7s\n",
		"UTF-16":                 "\xff\xfet\x00t\x00l\x00:\x00 \x007\x00s\x00\n\x00",
		"long key syntax":        "? ttl\n: 7s\n",
	} {
		c, err := configs.ParseServer([]string{"-config", fileWith(t, text)}, io.Discard)
		if err != nil || c.Discovery.TTL.String() != "7s" {
			t.Errorf("%s: have ttl %v, %v, want 7s", name, c.Discovery.TTL, err)
		}
	}
	for name, text := range map[string]string{
		"empty": "", "newline": "\n", "comments": "# a\n# b\n", "CRLF": "\r\n# a\r\n",
		"byte order mark": "\ufeff", "empty document": "---\n", "empty mapping": "{}\n",
	} {
		if have := printed(t, server, "-config", fileWith(t, text)); have != printed(t, server) {
			t.Errorf("%s: have\n%s\nwant the defaults", name, have)
		}
	}
}

// A block of lines in a file with CRLF has the line end "\n" (YAML 1.2.2, section 5.4).
func TestCRLFInABlock(t *testing.T) {
	file := fileWith(t, "service-version: |-\r\n  a\r\n  b\r\nttl: 7s\r\n")
	c, err := configs.ParseServer([]string{"-config", file}, io.Discard)
	if err != nil || c.Tracer.ServiceVersion != "a\nb" || c.Discovery.TTL.String() != "7s" {
		t.Errorf("have %q, ttl %v, %v", c.Tracer.ServiceVersion, c.Discovery.TTL, err)
	}
}

// Errors begin with the file and the line.
func TestFileErrors(t *testing.T) {
	const (
		notYAML = "must be valid YAML (check quotes, brackets and indentation; " +
			"text that begins with a special character needs quotes)"
		noMapping = `must be settings, each on a line like "ttl: 10s"`
		second    = "must be one YAML document, has a second one"
		special   = "must be text without anchor, alias or tag " +
			"(quote what begins with one of & * !)"
		blank  = `must have a value ("" is empty text; text that begins with # needs quotes)`
		badKey = "a key must be the name of a flag (no anchor, alias or tag)"
	)
	for _, test := range []struct{ text, want string }{
		// Keys.
		{"ttl: 7s\nzipkin-urll: x\n", `2: unknown key "zipkin-urll" (did you mean zipkin-url?)`},
		{"BOOKSERVER_TTL: 7s\n", `1: unknown key "BOOKSERVER_TTL" (-h all lists every flag)`},
		{"TTL: 7s\n", `1: unknown key "TTL" (-h all lists every flag)`},
		{"-ttl: 7s\n", `1: unknown key "-ttl" (did you mean ttl?)`},
		{"\"\": 7s\n", `1: unknown key "" (-h all lists every flag)`},
		{"zipkin: {url: x}\n", `1: unknown key "zipkin" (-h all lists every flag)`},
		{"version: true\n",
			`1: key "version": must be given as a flag only (a file holds settings)`},
		{"print-config: true\n",
			`1: key "print-config": must be given as a flag only (a file holds settings)`},
		{"config: a.yaml\n",
			`1: key "config": must be given as a flag only (a file holds settings)`},
		{"h: true\n", `1: unknown key "h" (-h all lists every flag)`},
		{"ttl: 5s\ntracer: noop\nttl: 6s\n",
			`3: key "ttl": must occur once, but line 1 has it too`},
		{"ttl: 5s\n\"ttl\": 5s\n", `2: key "ttl": must occur once, but line 1 has it too`},
		{"{ttl: 5s, ttl: 5s}\n", `1: key "ttl": must occur once, but line 1 has it too`},
		{"? [ttl]\n: 5s\n", "1: " + badKey},
		{"!!str ttl: 5s\n", "1: " + badKey},
		{"&a ttl: 5s\n", "1: " + badKey},
		{"ttl: 5s\nservice-name: &a ttl\n*a : 5s\n", "2: -service-name: " + special},
		{"<<: {ttl: 5s}\n",
			`1: key "<<": must be the name of a flag (merge keys are not supported)`},
		{"\"<<\": {ttl: 5s}\n", `1: unknown key "<<" (-h all lists every flag)`},

		// Values.
		{"\nttl: soon\n", `2: -ttl "soon": must be a duration, such as 500ms or 10s`},
		{"rate-burst: 1.0\n", `1: -rate-burst "1.0": must be a whole number of at most 64 bits`},
		{"sample: half\n", `1: -sample "half": must be a number`},
		{"zipkin-gzip: yes\n", `1: -zipkin-gzip "yes": must be auto, true or false`},
		{"kafka-tls: yes\n", `1: -kafka-tls "yes": must be true or false`},
		{"ttl: \"\"\n", `1: -ttl "": must be a duration, such as 500ms or 10s`},
		{"ttl:\n  soon\n", `1: -ttl "soon": must be a duration, such as 500ms or 10s`},
		{"ttl:\n", "1: -ttl: " + blank},
		{"zipkin-password: #s3cret\n", "1: -zipkin-password: " + blank},
		{"zipkin-password: &s3cret\n", "1: -zipkin-password: " + special},
		{"zipkin-password: *s3cret\n", "1: " + notYAML},
		{"zipkin-password: !s3cret\n", "1: -zipkin-password: " + special},
		{"zipkin-password: !!binary aGk=\n", "1: -zipkin-password: " + special},
		{"ttl: !!int 5\n", "1: -ttl: " + special},
		{"ttl: &a 5s\n", "1: -ttl: " + special},
		{"etcd: &a [a:1]\n", "1: -etcd: " + special},
		{"etcd: !!set [a:1]\n", "1: -etcd: " + special},
		{"etcd: &a\n- *a\n", "1: -etcd: " + special},
		{"ttl: [5s]\n", "1: -ttl: must be one value, not a list"},
		{"zipkin-url: [a, b]\n", "1: -zipkin-url: must be one value, not a list"},
		{"ttl: {a: b}\n", "1: -ttl: must be text, not keys and values"},
		{"etcd: {a: b}\n", "1: -etcd: must be text, not keys and values"},
		{"etcd:\n- a:1\n- [b:2]\n", "1: -etcd: must be a list of texts (entry 2 is not one)"},
		{"etcd:\n- a:1\n- b: 2\n", "1: -etcd: must be a list of texts (entry 2 is not one)"},
		{"etcd:\n- a:1\n-\n", "1: -etcd: must be a list of texts (entry 2 is not one)"},
		{"etcd: [a:1, &x b:2]\n", "1: -etcd: must be a list of texts (entry 2 is not one)"},
		{"etcd: [!x a:1]\n", "1: -etcd: must be a list of texts (entry 1 is not one)"},
		{"etcd: [a:1, \"b:2,c:3\"]\n",
			"1: -etcd: must have one value in each entry (entry 2 has a comma)"},
		{"baggage-allow: [\"\"]\n",
			"1: -baggage-allow: must have no empty entry (entry 1 is empty)"},
		{"etcd: [a:1, ' ']\n", "1: -etcd: must have no empty entry (entry 2 is empty)"},

		// Documents.
		{"ttl: 5s\n---\nttl: 6s\n", "2: " + second},
		{"ttl: 5s\n\n---\n", "3: " + second},
		{"---\n---\n", "2: " + second},
		{"- ttl\n", "1: " + noMapping},
		{"\n# c\nttl\n", "3: " + noMapping},
		{"~\n", "1: " + noMapping},
		{"\"\"\n", "1: " + noMapping},
		{"--- !!omap\nttl: 5s\n", "1: " + noMapping},
		{"--- &a\nttl: 5s\n", "1: " + noMapping},
		{"http://u:s3cret@h/\n", "1: " + noMapping},

		// Not YAML. The error has the line at which the mistake begins.
		{"a: [\n", "1: " + notYAML},
		{"ttl: 5s\nprefix: \"/a/\ntracer: noop\n", "2: " + notYAML},
		{"ttl: 5s\nprefix: '/a/\ntracer: noop\n", "2: " + notYAML},
		{"ttl: 5s\netcd: [a:1,\n  b:2\ntracer: noop", "2: " + notYAML},
		{"ttl: 5s\n  prefix: /a/\ntracer: noop\n", "2: " + notYAML},
		{"ttl: 5s\ns3cret\ntracer: noop\n", "2: " + notYAML},
		{"\tttl: 5s\n", "1: " + notYAML},
		{"ttl: 5s\n\nlang: @a\n", "3: " + notYAML},
		{"ttl: 5s\nlang: \"\\q\"\n", "2: " + notYAML},
		{"ttl: 5s\nlang: a\x01b\n", "2: " + notYAML},
		{"ttl: 5s\nlang: \xff\n", "2: " + notYAML},
		{"ttl: 5s\n---\nttl: [\n", "3: " + notYAML},
	} {
		text, want := test.text, test.want
		file := fileWith(t, text)
		err := server([]string{"-config", file}, io.Discard)
		if err == nil || err.Error() != file+":"+want {
			t.Errorf("%q:\nhave %v\nwant %s", text, err, file+":"+want)
		}
	}
}

func TestFileThatCannotBeRead(t *testing.T) {
	const must, none = "must be a file that can be read: ", "no such file or directory"
	folder := t.TempDir()
	path := filepath.Join(folder, "none.yaml")
	wantError(t, server([]string{"-config", path}, io.Discard), `-config "`+path+`": `+must+none)
	wantError(t, server([]string{"-config", folder}, io.Discard),
		`-config "`+folder+`": `+must+"is a directory")
	wantError(t, server([]string{"-config", "http://u:s3cret@h/?k=s3cret"}, io.Discard),
		`-config "http://xxxxx@h/?xxxxx": `+must+none)
	t.Setenv("BOOKSERVER_CONFIG", path)
	wantError(t, server(nil, io.Discard), `BOOKSERVER_CONFIG: -config "`+path+`": `+must+none)
}

func TestFileNamedByAVariable(t *testing.T) {
	t.Setenv("BOOKSERVER_CONFIG", fileWith(t, "ttl: 7s\n"))
	c, err := configs.ParseServer(nil, io.Discard)
	if err != nil || c.Discovery.TTL.String() != "7s" {
		t.Errorf("have ttl %v, %v, want 7s", c.Discovery.TTL, err)
	}
	c, err = configs.ParseServer([]string{"-config", ""}, io.Discard)
	if err != nil || c.Discovery.TTL.String() != "10s" {
		t.Errorf("have ttl %v, %v, want the default: the flag names no file", c.Discovery.TTL, err)
	}
}

// The tracer's settings are validated while tracing is off, whatever their origin.
func TestMistakesUnderNoop(t *testing.T) {
	const want = `zipkin-url "nowhere": must be like http://`
	for _, args := range [][]string{
		{"-zipkin-url", "nowhere"}, {"-config", fileWith(t, "zipkin-url: nowhere\n")},
	} {
		if err := client(args, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: have %v", args, err)
		}
	}
	t.Setenv("BOOKCLIENT_ZIPKIN_URL", "nowhere")
	if err := client(nil, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("have %v", err)
	}
}
