package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestBadInputIsOneLineAndStatus2(t *testing.T) {
	file := filepath.Join(t.TempDir(), "server.yaml")
	if err := os.WriteFile(file, []byte("zipkin-urll: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ args, want string }{
		"flag":      {"-nope", "-nope"},
		"key":       {"-config " + file, "zipkin-urll"},
		"file":      {"-config /no/such.yaml", "/no/such.yaml"},
		"backend":   {"-tracer zipkn", `"zipkn"`},
		"backends":  {"-tracer zipkn", "file, log, memory, noop, otlp, zipkin"},
		"discovery": {"-discovery etdc", `"etdc"`},
		"kinds":     {"-discovery etdc", "etcd, static"},
		"url":       {"-tracer zipkin -zipkin-url x", `zipkin-url "x"`},
		"advertise": {"-grpc-addr :50051", "-advertise"},
		"value":     {"-ttl soon", "soon"},
		"argument":  {"-tracer noop extra", `"extra"`},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := run(context.Background(), strings.Fields(test.args), &out, &errs)
			line := errs.String()
			if code != 2 || strings.Count(line, "\n") != 1 || !strings.Contains(line, test.want) {
				t.Errorf("have status %d and %q, want 2 and a line with %q", code, line, test.want)
			}
		})
	}
}
