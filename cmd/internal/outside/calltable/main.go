// Calltable measures how many calls fail, and how long calls take, while servers and etcd fail. It
// compares this project's client with go-kit's sd/etcdv3, its round robin and its Retry. Both
// clients call the same three bookserver processes, which are registered in the same etcd of three
// processes. They run at the same time and call GetBookInfo at the same rate. The command prints a
// table in Markdown. It needs an installed etcd and the go command.
//
//	go -C cmd/internal/outside run ./calltable [-time 60s] [-rate 500]
//
// The faults begin one after the other:
//
//   - a server is killed (SIGKILL), and started again after 2 s;
//   - a server is terminated (SIGTERM), and started again after 2 s;
//   - a server is stopped for good (SIGSTOP), and another one is started after 2 s;
//   - a proxy between the clients and a server forgets the connections;
//   - the same server is terminated, and started again at once;
//   - the leader of etcd is killed, and started again after 2 s, twice;
//   - a member of etcd is stopped for 4 s (SIGSTOP).
//
// These times are those of -time 60s. For each fault and client, the table has
//
//   - the number of calls that failed, of those that began until the next fault,
//   - the 99th percentile and the longest of the durations of all calls that began later than 1 s
//     after the fault began,
//   - the same for those that began within this second.
//
// Our client has its defaults: at most 3 attempts within 30 s. go-kit's Retry gets these limits,
// too, and its connections are gRPC's with their defaults.
//
// The exit status is 1 if a call of our client failed. The errors of both clients are counted on
// standard error.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"bookservice/cmd/internal/heap"
	"bookservice/cmd/internal/outside/flags"
	"bookservice/configs"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	// The logger of go-kit's clients, which writes to standard error, cannot be replaced.
	_ = os.Setenv("ETCD_CLIENT_DEBUG", "fatal") // the name is valid
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// Limits of the flags. The shortest time has room for the start of a server in each fault.
const (
	minTime = 30 * time.Second
	maxTime = time.Hour
	maxRate = 10_000
)

// run returns the exit status: 1 if a call of our client failed, or the measurement failed or was
// interrupted, 2 if the arguments are wrong.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("calltable", flag.ContinueOnError)
	lasts := fs.Duration("time", time.Minute, "time of the measurement, 30s to 1h")
	rate := fs.Int("rate", 500, "calls per second of each client, 1 to 10000")
	if status, done := flags.Parse(fs, args, stderr); done {
		return status
	}
	switch {
	case *lasts < minTime || *lasts > maxTime:
		fmt.Fprintf(stderr, "calltable: -time %v: must be 30s to 1h\n", *lasts)
		return 2
	case *rate < 1 || *rate > maxRate:
		fmt.Fprintf(stderr, "calltable: -rate %d: must be 1 to %d\n", *rate, maxRate)
		return 2
	}
	defer heap.Keep(configs.DefaultClient().HeapBytes)() // as bookclient does
	m, err := measure(ctx, planFor(*lasts), *rate)
	if err == nil {
		err = m.print(stdout, stderr)
	}
	if err != nil {
		fmt.Fprintln(stderr, "calltable:", err)
		return 1
	}
	return 0
}
