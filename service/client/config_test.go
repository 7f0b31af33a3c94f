package client_test

import (
	"flag"
	"strings"
	"testing"

	"bookservice/service/client"
)

func TestDefaults(t *testing.T) {
	have := client.DefaultConfig()
	have.RegisterFlags(flag.NewFlagSet("", flag.ContinueOnError))
	if have != client.DefaultConfig() {
		t.Errorf("the flags' defaults: have %+v, want %+v", have, client.DefaultConfig())
	}
	if err := have.Validate(); err != nil {
		t.Error(err)
	}
}

func TestValidate(t *testing.T) {
	tests := []struct{ args, want string }{
		{"-retry-attempts=1 -retry-backoff=0 -breaker-error-percent=100 -breaker-window=10ms -max-concurrent=1", ""},
		{"-retry-attempts=0", "-retry-attempts 0: must be 1 or more"},
		{"-retry-timeout=0", "-retry-timeout 0s: must be above 0"},
		{"-retry-backoff=-1ms", "-retry-backoff -1ms: must be 0 to 1s"},
		{"-retry-backoff=2s", "-retry-backoff 2s: must be 0 to 1s"},
		{"-breaker-timeout=-1s", "-breaker-timeout -1s: must be above 0"},
		{"-breaker-error-percent=0", "-breaker-error-percent 0: must be above 0, to 100"},
		{"-breaker-error-percent=100.5", "-breaker-error-percent 100.5: must be above 0, to 100"},
		{"-breaker-error-percent=NaN", "-breaker-error-percent NaN: must be above 0, to 100"},
		{"-breaker-min-requests=0", "-breaker-min-requests 0: must be 1 or more"},
		{"-breaker-window=1ms", "-breaker-window 1ms: must be 10ms or more"},
		{"-breaker-open=0", "-breaker-open 0s: must be above 0"},
		{"-max-concurrent=-1", "-max-concurrent -1: must be 1 or more"},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			c := client.DefaultConfig()
			fs := flag.NewFlagSet("", flag.ContinueOnError)
			c.RegisterFlags(fs)
			if err := fs.Parse(strings.Fields(tt.args)); err != nil {
				t.Fatal(err)
			}
			if err := c.Validate(); (err == nil) != (tt.want == "") || err != nil && err.Error() != tt.want {
				t.Errorf("have %v, want %s", err, tt.want)
			}
		})
	}
}
