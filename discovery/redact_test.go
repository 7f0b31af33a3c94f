package discovery_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"testing"

	"bookservice/discovery"
	"bookservice/discovery/internal/testkit"
)

// TestSecretsAreMasked plants a secret, with every ASCII character in it, in settings that are URLs
// with a user, a password or a query, or malformed ones.
func TestSecretsAreMasked(t *testing.T) {
	const secret = "s3cret"
	forms := []string{
		"http://root:%s@h:2379", "https://root:%s@h:2379", "HTTP://root:%s@h:2379",
		"http://%s@h:2379", "http://%s:x@h:2379", "http://:%s@h:2379", "root:%s@h:2379",
		"%s@h:2379", "http://h:2379?token=%s", "http://h:2379/?token=%s", "h:2379?%s",
		"http://h:2379?t=a@%s", "http://h:2379#%s",
		"http:/root:%s@h:2379", "http//root:%s@h:2379", "://root:%s@h:2379",
		"http://root:%s@", "http://root:%s@h", "http://root:%s@h:port", "http://root:%s@@h:1",
		"http://[root:%s@h]:1", "http://[::1%%%s@h]:1", "http://root:%s", "root:%s",
		"http://root:%s:2379", "http://root:%s%%40h:2379", "http://root:a@%s",
		"http://%s%%40h:2379", "http://h:2379/token=%s", "http://h:2379/&%s",
		"http://a:1,http://root:%s@h:2379,b:2", "a:1,http://root:12,%s:1,x@h:2379",
	}
	for _, form := range forms {
		t.Run(form, func(t *testing.T) {
			for char := range byte(0x80) {
				value := fmt.Sprintf(form, secret+string(rune(char))+secret)
				output := outputs(t, value)
				if strings.Contains(output, secret) {
					t.Fatalf("%q: have the secret in the output:\n%s", value, output)
				}
				if !strings.Contains(output, "-etcd ") || !strings.Contains(output, "xxxxx") {
					t.Fatalf("%q: have no masked error of -etcd in the output:\n%s", value, output)
				}
			}
		})
	}
}

// outputs returns the errors and the flags' texts for a value of -etcd and -instances, under both
// kinds.
func outputs(t *testing.T, value string) string {
	t.Helper()
	var out bytes.Buffer
	for _, name := range []string{"etcd", "instances"} {
		for _, kind := range []string{"etcd", "static"} {
			c := discovery.Config{Instances: []string{addrA}}
			fs := flag.NewFlagSet("test", flag.ContinueOnError)
			fs.SetOutput(&out)
			if err := c.RegisterFlags(fs, ""); err != nil {
				t.Fatal(err)
			}
			err := fs.Parse([]string{"-discovery", kind, "-" + name, value})
			fmt.Fprintln(&out, err, fs.Lookup(name).Value, fs.Lookup(name).Value.String())
			invalid := c.Validate()
			if invalid == nil {
				t.Errorf("-%s %q is valid, want an error", name, value)
			}
			_, err = discovery.Open(t.Context(), c)
			fmt.Fprintln(&out, invalid, err, errors.Unwrap(err))

			// The value as a preset is the default of the flag.
			fs = flag.NewFlagSet("test", flag.ContinueOnError)
			fs.SetOutput(&out)
			if err := c.RegisterFlags(fs, ""); err != nil {
				t.Fatal(err)
			}
			fs.PrintDefaults()
		}
	}
	registerOutputs(t, &out, value)
	return out.String()
}

// registerOutputs writes the errors of a registrar with the address value.
func registerOutputs(t *testing.T, w io.Writer, value string) {
	t.Helper()
	r := open(t, discovery.Config{Kind: "static", Instances: []string{addrA}})
	fmt.Fprintln(w, r.Registrar("", value).Register(testkit.Context(t, limit)))
}
