package main

import (
	"bytes"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// A usage is what a process has used. The difference of two is what it used between them.
type usage struct {
	CPU     time.Duration // user and system
	Mallocs uint64
	Bytes   uint64 // allocated
	PeakRSS uint64 // in bytes, of the whole process; 0 where /proc does not tell
}

// measureUsage collects garbage first, so that each measurement begins with a small heap.
func measureUsage(collect bool) (usage, error) {
	if collect {
		runtime.GC()
	}
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return usage{}, err
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{
		CPU:     time.Duration(r.Utime.Nano() + r.Stime.Nano()),
		Mallocs: m.Mallocs, Bytes: m.TotalAlloc, PeakRSS: peakRSS(),
	}, nil
}

func (u usage) since(begin usage) usage {
	return usage{u.CPU - begin.CPU, u.Mallocs - begin.Mallocs, u.Bytes - begin.Bytes, u.PeakRSS}
}

func (u usage) plus(v usage) usage {
	return usage{u.CPU + v.CPU, u.Mallocs + v.Mallocs, u.Bytes + v.Bytes, u.PeakRSS + v.PeakRSS}
}

// peakRSS reads VmHWM (proc(5)). The figure of getrusage also has the memory of the process that
// started this one.
func peakRSS() uint64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, after, _ := bytes.Cut(status, []byte("VmHWM:"))
	fields := bytes.Fields(after)
	if len(fields) == 0 {
		return 0
	}
	kb, err := strconv.ParseUint(string(fields[0]), 10, 64)
	if err != nil {
		return 0
	}
	return kb << 10
}
