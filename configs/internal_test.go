package configs

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"testing"
)

// An areaError is an error about a setting, as the areas return it.
type areaError struct{ setting string }

func (e areaError) Error() string   { return "-" + e.setting + " 1s: must be 2s or more" }
func (e areaError) Setting() string { return e.setting }

// A pickyValue is the value of a flag with errors of its own.
type pickyValue struct{ err error }

func (v *pickyValue) String() string   { return "" }
func (v *pickyValue) Set(string) error { return v.err }

// parseWith parses arguments of a command with these flags.
func parseWith(register func(*flag.FlagSet) error, validate func() error, args ...string) error {
	c := newCommand("bookserver", help{})
	c.group("Test", register)
	_, err := c.parse(args, io.Discard, validate)
	return err
}

// Errors of validation get the origin of the setting that they are about, however they are wrapped.
func TestErrorsOfTheAreasAreLocated(t *testing.T) {
	register := func(fs *flag.FlagSet) error {
		fs.String("ttl", "10s", "")
		fs.String("etcd", "", "")
		return nil
	}
	t.Setenv("BOOKSERVER_TTL", "1s")
	for _, test := range []struct {
		err  error
		want string
	}{
		{areaError{"ttl"}, "BOOKSERVER_TTL: -ttl 1s: must be 2s or more"},
		{fmt.Errorf("discovery: %w", areaError{"ttl"}),
			"BOOKSERVER_TTL: discovery: -ttl 1s: must be 2s or more"},
		{areaError{"etcd"}, "-etcd 1s: must be 2s or more"},
		{areaError{"none"}, "-none 1s: must be 2s or more"},
		{errors.New("OTEL_X: must be y"), "OTEL_X: must be y"},
		{errors.Join(areaError{"ttl"}, errors.New("and\n more")),
			"BOOKSERVER_TTL: -ttl 1s: must be 2s or more and more"},
	} {
		err := parseWith(register, func() error { return test.err })
		if err == nil || err.Error() != test.want || !errors.Is(err, test.err) {
			t.Errorf("have %v, want %s", err, test.want)
		}
	}
}

// Errors about malformed values have one form, whatever the type of the flag.
func TestErrorsOfFlagTypes(t *testing.T) {
	picky := &pickyValue{errors.New(`parse "s3cret": failed`)}
	register := func(fs *flag.FlagSet) error {
		fs.Uint("uint", 1, "")
		fs.Uint64("uint64", 1, "")
		fs.Int64("int64", 1, "")
		fs.Var(picky, "picky", "")
		return nil
	}
	valid := func() error { return nil }
	for _, test := range []struct{ arg, want string }{
		{"-uint=-1", `-uint "-1": must be a whole number of at most 64 bits, 0 or more`},
		{"-uint64=-1", `-uint64 "-1": must be a whole number of at most 64 bits, 0 or more`},
		{"-int64=x", `-int64 "x": must be a whole number of at most 64 bits`},
		{"-picky=u:s3cret@h", `-picky "xxxxx@h": must be as -h all describes`},
	} {
		if err := parseWith(register, valid, test.arg); err == nil || err.Error() != test.want {
			t.Errorf("have %v, want %s", err, test.want)
		}
	}
	picky.err = areaError{"picky"}
	t.Setenv("BOOKSERVER_PICKY", "x")
	want := "BOOKSERVER_PICKY: -picky 1s: must be 2s or more"
	if err := parseWith(register, valid); err == nil || err.Error() != want {
		t.Errorf("have %v, want %s", err, want)
	}
}

// If flags cannot be defined, parse returns the error and parses nothing.
func TestFlagsThatCannotBeDefined(t *testing.T) {
	broken := errors.New("cannot define -etcd")
	never := func() error { t.Error("settings are validated"); return nil }
	register := func(*flag.FlagSet) error { return broken }
	if err := parseWith(register, never, "-nope"); !errors.Is(err, broken) {
		t.Errorf("have %v, want %v", err, broken)
	}
	c := newCommand("bookserver", help{})
	c.group("A", func(fs *flag.FlagSet) error { fs.String("ttl", "", ""); return nil })
	c.group("B", func(fs *flag.FlagSet) error { fs.String("ttl", "", ""); return nil })
	c.group("C", func(*flag.FlagSet) error {
		t.Error("flags are defined after an error")
		return nil
	})
	_, err := c.parse(nil, io.Discard, never)
	if err == nil || err.Error() != "flag -ttl is defined twice" {
		t.Errorf("have %v, want an error about -ttl", err)
	}
}

// The flags of each backend are a group, after the group of the area.
func TestGroupsOfBackends(t *testing.T) {
	c := newCommand("bookserver", help{})
	c.group("Tracer", func(fs *flag.FlagSet) error {
		for _, name := range []string{"file-b", "tracer", "zipkin-a", "file-a", "zipkind"} {
			fs.String(name, "", "")
		}
		return nil
	})
	var have bytes.Buffer
	for _, g := range c.groups[1:] {
		fmt.Fprintf(&have, "%s: %s\n", g.title, strings.Join(g.flags, " "))
	}
	want := "Tracer: tracer zipkind\nZipkin: zipkin-a\nFile: file-a file-b\n"
	if have.String() != want {
		t.Errorf("have\n%swant\n%s", have.String(), want)
	}
}

func TestNearNames(t *testing.T) {
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	for _, name := range []string{"n", "id", "a1", "a2", "a3", "a4", "zipkin-url", "zipkin-user"} {
		fs.Bool(name, false, "")
	}
	for name, want := range map[string]string{
		"a":           "a1 a2 a3",   // three at most
		"x":           "",           // nothing of "n" is in it
		"zipkin-urll": "zipkin-url", // not those that differ more
		"zipkin-usr":  "zipkin-user",
		"zipkinuser":  "zipkin-user", // a letter is missing
		"zipkin-suer": "zipkin-user", // letters are swapped
		"zpkn-usr":    "",
		"ida":         "id",
		"tracer":      "",
	} {
		if have := strings.Join(nearNames(fs, name), " "); have != want {
			t.Errorf("%s: have %q, want %q", name, have, want)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, test := range []struct {
		width int
		want  string
	}{
		{7, "aaa bbb|密 c"}, {6, "aaa|bbb 密|c"}, {5, "aaa|bbb 密|c"}, {4, "aaa|bbb|密 c"},
		{1, "aaa|bbb|密|c"},
	} {
		if have := strings.Join(wrap("aaa bbb 密 c", test.width), "|"); have != test.want {
			t.Errorf("%d: have %q, want %q", test.width, have, test.want)
		}
	}
}
