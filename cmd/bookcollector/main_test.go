package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"bookservice/tracer/tracertest/testkit"
)

func TestBadInputIsOneLineAndStatus2(t *testing.T) {
	for args, want := range map[string]string{
		"-addr x":                  `-addr "x": must be host:port with a port of 0 to 65535`,
		"-addr 127.0.0.1:99999":    `-addr "127.0.0.1:99999": must be host:port`,
		"-addr 192.0.2.1:1":        `-addr "192.0.2.1:1": must be an address to listen on`,
		"-otlp-grpc-addr x":        `-otlp-grpc-addr "x": must be host:port`,
		"-max-bytes 1000":          "-max-bytes 1000: must be 1048576 or more",
		"-max-bytes 1G":            `-max-bytes "1G": must be a whole number of at most 64 bits`,
		"-hosts a:1":               `-hosts "a:1": must be host names without a port`,
		"-nope":                    "-nope: unknown flag",
		"-addr 127.0.0.1:0 -hosts": "-hosts: must have a value",
	} {
		t.Run(args, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := run(t.Context(), strings.Fields(args), &out, &errs)
			line := errs.String()
			if code != 2 || strings.Count(line, "\n") != 1 ||
				!strings.HasPrefix(line, "bookcollector: "+want) || out.Len() > 0 {
				t.Errorf("have status %d, %q and %q, want 2 and %q", code, out.String(), line, want)
			}
		})
	}
}

func TestHelpIsStatus0(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"-h"}, &out, &errs); code != 0 || errs.Len() > 0 ||
		!strings.Contains(out.String(), "-max-bytes") {
		t.Errorf("have status %d, %q and %q, want 0 and the help", code, &out, &errs)
	}
}

// The command prints its addresses, serves the page, and ends with status 0.
func TestCollectorServesUntilTheSignal(t *testing.T) {
	defer goleak.VerifyNone(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var out, log testkit.Buffer
	code := make(chan int, 1)
	go func() {
		args := []string{"-addr", "127.0.0.1:0", "-otlp-grpc-addr", "127.0.0.1:0"}
		code <- run(ctx, args, &out, &log)
	}()
	testkit.Eventually(t, "the address is printed", func() bool {
		return strings.Contains(out.String(), "OTLP over gRPC  http://127.0.0.1:")
	})
	addresses := strings.Fields(out.String())
	page := addresses[1]
	base := strings.TrimSuffix(page, "/zipkin/")
	want := "Zipkin          " + base + "/api/v2/spans\nOTLP over HTTP"
	if !strings.Contains(out.String(), want) {
		t.Errorf("have %s, want %s", out.String(), want)
	}
	client := &http.Client{Transport: &http.Transport{}}
	resp, err := client.Get(page)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK || !bytes.Contains(body, []byte("<!doctype html>")) {
		t.Errorf("have %s %s, want the page", resp.Status, body)
	}
	events, err := client.Get(strings.TrimSuffix(page, "/zipkin/") + "/api/v2/events")
	if err != nil {
		t.Fatal(err)
	}
	defer events.Body.Close()
	stop()
	select {
	case have := <-code:
		if have != 0 {
			t.Errorf("have status %d, want 0: %s", have, log.String())
		}
	case <-time.After(2 * time.Second):
		t.Error("the command has not ended within 2 s, while a page listens")
	}
	client.CloseIdleConnections()
}

// A taken port is an error that names the flag.
func TestTakenPortIsStatus2(t *testing.T) {
	addr := testkit.FreeAddr(t)
	ctx, stop := context.WithCancel(t.Context())
	var out, log testkit.Buffer
	code := make(chan int, 1)
	go func() { code <- run(ctx, []string{"-addr", addr}, &out, &log) }()
	testkit.Eventually(t, "the first one serves", func() bool { return out.String() != "" })
	var errs bytes.Buffer
	if have := run(t.Context(), []string{"-addr", addr}, io.Discard, &errs); have != 2 ||
		!strings.Contains(errs.String(), `-addr "`+addr+`": must be an address to listen on`) {
		t.Errorf("have status %d and %q", have, errs.String())
	}
	stop()
	<-code
}
