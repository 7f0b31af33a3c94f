package client_test

import (
	"errors"
	"flag"
	"strings"
	"testing"
	"time"

	"bookservice/service/client"
)

func TestDefaults(t *testing.T) {
	want := client.Config{
		RetryAttempts: 3, RetryTimeout: 100 * time.Second, RetryBackoff: 10 * time.Millisecond,
		RetryBudget: 20, Hedge: "0",
		BreakerTimeout: 30 * time.Second, BreakerErrorPercent: 50, BreakerMinRequests: 5,
		BreakerWindow: 10 * time.Second, BreakerOpen: 10 * time.Second, MaxConcurrent: 1000,
		Balancing: client.Balancing{
			Balancer: "p2c", Eject: true, EjectInterval: 10 * time.Second,
			EjectTime: 30 * time.Second,
		},
	}
	have := client.DefaultConfig()
	if err := have.RegisterFlags(flag.NewFlagSet("", flag.ContinueOnError)); err != nil {
		t.Fatal(err)
	}
	if have != want {
		t.Errorf("defaults: have %+v, want %+v", have, want)
	}
	if err := have.Validate(); err != nil {
		t.Error(err)
	}
}

func TestValidate(t *testing.T) {
	tests := []struct{ args, want string }{
		{"-retry-attempts=1 -retry-backoff=0 -breaker-error-percent=100 -breaker-window=10ms", ""},
		{"-max-concurrent=1 -breaker-min-requests=1 -breaker-open=1ns -retry-backoff=1s", ""},
		{"-retry-timeout=1ns -breaker-timeout=1ns -breaker-error-percent=0.001", ""},
		{"-retry-budget=0 -attempt-timeout=1ms -hedge=p95", ""},
		{"-hedge=30ms", ""},
		{"-retry-budget=-1", "-retry-budget -1: must be 0 or more"},
		{"-retry-budget=NaN", "-retry-budget NaN: must be 0 or more"},
		{"-retry-budget=Inf", "-retry-budget +Inf: must be 0 or more"},
		{"-attempt-timeout=-1ms", "-attempt-timeout -1ms: must be 0 or more"},
		{"-hedge=p99", `-hedge "p99": must be 0, a duration or p95`},
		{"-hedge=-1ms", `-hedge "-1ms": must be 0, a duration or p95`},
		{"-hedge=", `-hedge "": must be 0, a duration or p95`},
		{"-retry-attempts=0", "-retry-attempts 0: must be 1 or more"},
		{"-retry-timeout=0", "-retry-timeout 0s: must be more than 0"},
		{"-retry-backoff=-1ms", "-retry-backoff -1ms: must be from 0 to 1s"},
		{"-retry-backoff=2s", "-retry-backoff 2s: must be from 0 to 1s"},
		{"-breaker-timeout=-1s", "-breaker-timeout -1s: must be more than 0"},
		{"-breaker-timeout=0", "-breaker-timeout 0s: must be more than 0"},
		{"-breaker-error-percent=0",
			"-breaker-error-percent 0: must be more than 0 and at most 100"},
		{"-breaker-error-percent=100.5",
			"-breaker-error-percent 100.5: must be more than 0 and at most 100"},
		{"-breaker-error-percent=NaN",
			"-breaker-error-percent NaN: must be more than 0 and at most 100"},
		{"-breaker-min-requests=0", "-breaker-min-requests 0: must be 1 or more"},
		{"-breaker-window=9ms", "-breaker-window 9ms: must be 10ms or more"},
		{"-breaker-open=0", "-breaker-open 0s: must be more than 0"},
		{"-max-concurrent=0", "-max-concurrent 0: must be 1 or more"},
		{"-max-concurrent=-1", "-max-concurrent -1: must be 1 or more"},
		{"-balancer=weighted -zone=a -eject=false -eject-interval=100ms -eject-time=1ns", ""},
		{"-balancer=best", `-balancer "best": must be one of p2c, round_robin, random, weighted`},
		{"-eject-interval=99ms", "-eject-interval 99ms: must be 100ms or more"},
		{"-eject-time=0", "-eject-time 0s: must be more than 0"},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			c := client.DefaultConfig()
			fs := flag.NewFlagSet("", flag.ContinueOnError)
			if err := c.RegisterFlags(fs); err != nil {
				t.Fatal(err)
			}
			if err := fs.Parse(strings.Fields(tt.args)); err != nil {
				t.Fatal(err)
			}
			err := c.Validate()
			if tt.want == "" {
				if err != nil {
					t.Errorf("have %v, want no error", err)
				}
				return
			}
			setting, ok := errors.AsType[interface {
				error
				Setting() string
			}](err)
			if !ok || err.Error() != tt.want {
				t.Fatalf("have %v, want %s with a method Setting", err, tt.want)
			}
			if have := setting.Setting(); !strings.HasPrefix(tt.args, "-"+have+"=") {
				t.Errorf("Setting: have %q, want the flag of %s", have, tt.args)
			}
		})
	}
}
