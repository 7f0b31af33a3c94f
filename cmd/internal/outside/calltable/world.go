package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"bookservice/discovery/discoverytest/faults"
)

const (
	members = 3 // of etcd
	servers = 3

	// setupLimit limits the start of a process and an election, on a busy machine.
	setupLimit   = 60 * time.Second
	pollInterval = 20 * time.Millisecond
)

// A world is what both clients use: servers that are registered in etcd.
type world struct {
	dir     string // of the built bookserver
	etcd    *faults.Cluster
	raw     *clientv3.Client
	proxy   *faults.Proxy // before the server with index proxiedServer
	servers []*server     // also those that faults have added
}

// newWorld returns a world in which all servers are registered.
func newWorld(ctx context.Context) (w *world, err error) {
	w = &world{}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.dir, err = os.MkdirTemp("", "calltable-"); err != nil {
		return w, err
	}
	build := exec.CommandContext(ctx, "go", "build", "-ldflags=-w", "-o", w.command(),
		"bookservice/cmd/bookserver")
	if out, err := build.CombinedOutput(); err != nil {
		return w, fmt.Errorf("build bookserver: %w: %s", err, out)
	}
	if w.etcd, err = faults.Start(ctx, faults.Config{Members: members}); err != nil {
		return w, err
	}
	w.raw, err = clientv3.New(clientv3.Config{
		Endpoints: w.etcd.Endpoints(), Logger: zap.NewNop(),
	})
	if err != nil {
		return w, err
	}
	return w, w.startServers(ctx)
}

func (w *world) command() string { return filepath.Join(w.dir, "bookserver") }

func (w *world) startServers(ctx context.Context) error {
	for n := range servers {
		if n != proxiedServer {
			if _, err := w.newServer(""); err != nil {
				return err
			}
			continue
		}
		addr, err := freeAddress()
		if err != nil {
			return err
		}
		if w.proxy, err = faults.StartProxy(addr); err != nil {
			return err
		}
		s, err := w.newServer(addr)
		if err != nil {
			return err
		}
		s.advertise = w.proxy.Address()
	}
	errs := make([]error, servers)
	var starting sync.WaitGroup
	for n, s := range w.servers {
		starting.Go(func() { errs[n] = s.start(ctx) })
	}
	starting.Wait()
	return errors.Join(errs...)
}

// newServer adds a server that is not yet started. It listens on addr or, if addr is empty, on a
// free port.
func (w *world) newServer(addr string) (*server, error) {
	if addr == "" {
		var err error
		if addr, err = freeAddress(); err != nil {
			return nil, err
		}
	}
	s := &server{path: w.command(), etcd: w.etcd.Endpoints(), addr: addr, advertise: addr}
	w.servers = append(w.servers, s)
	return s, nil
}

// close ends all processes.
func (w *world) close() error {
	for _, s := range w.servers {
		s.kill()
	}
	if w.proxy != nil {
		w.proxy.Close()
	}
	if w.raw != nil {
		_ = w.raw.Close() // nothing is left to be sent
	}
	var err error
	if w.etcd != nil {
		err = w.etcd.Close()
	}
	return errors.Join(err, os.RemoveAll(w.dir))
}
