package side

import (
	"bytes"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// A Usage is what a process has used. The difference of two is what it used between them.
type Usage struct {
	CPU     time.Duration // user and system
	Mallocs uint64
	Bytes   uint64 // allocated
	PeakRSS uint64 // in bytes, since the process began; 0 where /proc does not have it
}

// measure returns what the process has used until now. With collect it collects garbage before, so
// that each measurement begins with a small heap.
func measure(collect bool) (Usage, error) {
	if collect {
		runtime.GC()
	}
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return Usage{}, err
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return Usage{
		CPU:     time.Duration(r.Utime.Nano() + r.Stime.Nano()),
		Mallocs: m.Mallocs, Bytes: m.TotalAlloc, PeakRSS: peakRSS(),
	}, nil
}

func (u Usage) since(begin Usage) Usage {
	return Usage{u.CPU - begin.CPU, u.Mallocs - begin.Mallocs, u.Bytes - begin.Bytes, u.PeakRSS}
}

// Plus returns the sum of both.
func (u Usage) Plus(v Usage) Usage {
	return Usage{u.CPU + v.CPU, u.Mallocs + v.Mallocs, u.Bytes + v.Bytes, u.PeakRSS + v.PeakRSS}
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
