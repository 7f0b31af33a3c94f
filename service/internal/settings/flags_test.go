package settings_test

import (
	"flag"
	"io"
	"testing"

	"bookservice/service/internal/settings"
)

// A host that has a flag of the same name gets an error, and none of the flags.
func TestRegisterFlagsWithConflict(t *testing.T) {
	define := func(fs *flag.FlagSet) {
		fs.Int("a", 1, "")
		fs.Int("b", 2, "")
	}
	host := flag.NewFlagSet("host", flag.ContinueOnError)
	host.SetOutput(io.Discard)
	host.Int("b", 3, "")
	err := settings.RegisterFlags(host, define)
	if err == nil || err.Error() != "flag -b is defined already" {
		t.Errorf("have error %v, want one that names -b", err)
	}
	if host.Lookup("a") != nil {
		t.Error("have flag -a, want none of the flags")
	}
	other := flag.NewFlagSet("other", flag.ContinueOnError)
	if err := settings.RegisterFlags(other, define); err != nil || other.Lookup("a") == nil {
		t.Errorf("have %v, want the flags", err)
	}
}
