package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"bookservice/cmd/internal/bookclient"
	"bookservice/cmd/internal/collector"
	"bookservice/cmd/internal/server"
	"bookservice/cmd/internal/shutdown"
	"bookservice/configs"
	"bookservice/discovery/etcdembed"
	"bookservice/tracer"
)

// numServers is the number of bookservers.
const numServers = 2

// A demo is the running parts.
type demo struct {
	cfg  configs.Demo
	out  io.Writer
	log  *slog.Logger
	open *shutdown.Stack

	etcd      *etcdembed.Cluster
	collector *collector.Server // nil if another Zipkin is used, or with -exit
	spans     tracer.Memory     // with -exit

	mu      sync.Mutex // guards servers and out
	servers [numServers]*server.Server
}

// runDemo starts the parts, makes one run, and keeps calling until ctx ends. It stops the parts in
// the reverse order.
func runDemo(ctx context.Context, cfg configs.Demo, stdout io.Writer, log *slog.Logger) error {
	d := &demo{cfg: cfg, out: stdout, log: log, open: shutdown.New(log)}
	defer d.open.Close()
	if err := d.start(ctx); err != nil {
		return err
	}
	cc := d.cfg.Client
	cc.Discovery.Etcd = d.etcd.Endpoints()
	if err := bookclient.Run(ctx, cc, stdout, log, tracer.WithMemory(&d.spans)); err != nil {
		return err
	}
	if cfg.Exit {
		return d.spans.WriteTree(stdout)
	}
	var faults sync.WaitGroup
	defer faults.Wait()
	d.injectFaults(ctx, &faults)
	d.say("running %v times a second; Ctrl-C ends it", cfg.Rate)
	if cfg.Rate == 0 {
		<-ctx.Done()
		return nil
	}
	return bookclient.Load(ctx, cc, cfg.Rate, log)
}

// start starts etcd, the collector and the servers, and prints where they are.
func (d *demo) start(ctx context.Context) (err error) {
	if d.etcd, err = etcdembed.Start(ctx, etcdembed.Config{}); err != nil {
		return err
	}
	d.open.Push("etcd", d.etcd.Close)
	if err := d.startCollector(); err != nil {
		return err
	}
	d.open.Push("bookservers", d.stopServers)
	for i := range numServers {
		if err := d.startServer(ctx, i); err != nil {
			return err
		}
	}
	d.printTable()
	return nil
}

// startCollector starts the collector and makes the tracers send to it. With -exit no collector
// would outlive the run, so the spans are kept in memory.
func (d *demo) startCollector() error {
	backends := "zipkin"
	switch {
	case d.cfg.ZipkinURL != "":
	case d.cfg.Exit:
		backends = ""
	default:
		cfg, log := d.cfg.Collector, d.log
		c, err := collector.Start(cfg, log)
		if err != nil { // the port may be taken
			host, _, _ := strings.Cut(cfg.Addr, ":")
			cfg.Addr = host + ":0"
			if c, err = collector.Start(cfg, log); err != nil {
				return err
			}
			d.say("%s is not free: the collector has another port", d.cfg.Collector.Addr)
		}
		d.collector = c
		d.open.Push("collector", func() error { c.Stop(); return nil })
		url := c.URL() + "/api/v2/spans"
		d.cfg.Server.Tracer.Zipkin.URL, d.cfg.Client.Tracer.Zipkin.URL = url, url
	}
	if d.cfg.Exit {
		backends = strings.Trim(backends+",memory", ",")
	}
	d.cfg.Server.Tracer.Backend, d.cfg.Client.Tracer.Backend = backends, backends
	return nil
}

// startServer starts the server with this index.
func (d *demo) startServer(ctx context.Context, i int) error {
	cfg := d.cfg.Server
	cfg.Discovery.Etcd, cfg.FailShare = d.etcd.Endpoints(), d.cfg.Fault.Error
	if i == numServers-1 {
		cfg.LatencyInfo += d.cfg.Fault.Latency
		cfg.LatencyList += d.cfg.Fault.Latency
	}
	s, err := server.Start(ctx, cfg, d.log, tracer.WithMemory(&d.spans))
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.servers[i] = s
	return nil
}

// server returns the server with this index, or nil if it is stopped.
func (d *demo) server(i int) *server.Server {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.servers[i]
}

// stopServers stops all servers at once, because each flushes its spans.
func (d *demo) stopServers() error {
	var all sync.WaitGroup
	for i := range numServers {
		if s := d.server(i); s != nil {
			all.Go(s.Stop)
		}
	}
	all.Wait()
	return nil
}

// printTable prints what runs where.
func (d *demo) printTable() {
	w := tabwriter.NewWriter(d.out, 0, 0, 2, ' ', 0)
	defer func() { _ = w.Flush() }() // out returns no errors
	switch {
	case d.collector != nil:
		fmt.Fprintf(w, "trace page\t%s/zipkin/\topen this\n", d.collector.URL())
	case d.cfg.ZipkinURL != "":
		fmt.Fprintf(w, "Zipkin\t%s\n", strings.TrimSuffix(d.cfg.ZipkinURL, "/api/v2/spans"))
	}
	fmt.Fprintf(w, "etcd\t%s\n", d.etcd.ClientURL())
	for i := range numServers {
		fmt.Fprintf(w, "bookserver\t%s\n", d.server(i).Addr())
	}
}

// say prints a line with the time.
func (d *demo) say(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fmt.Fprintln(d.out, time.Now().Format("15:04:05"), fmt.Sprintf(format, args...))
}
