package tracer

import (
	"context"
	"flag"
	"fmt"

	"bookservice/tracer/internal/encoding"
	"bookservice/tracer/internal/settings"
	"bookservice/tracer/internal/spanfile"
)

// minFileBytes is the smallest FileConfig.MaxBytes: a batch must fit in a file.
const minFileBytes = 1 << 20

// FileConfig configures the file backend.
type FileConfig struct {
	// Path is the file that spans are appended to, one span a line, in Zipkin's v2 JSON. Its folder
	// must exist. The file Path.lock beside it locks out other processes.
	Path string
	// MaxBytes is the largest size of the file, 1 MiB or more. A file that would exceed it is
	// renamed to Path.1, an existing Path.1 to Path.2, and so on. Lines are never split.
	MaxBytes int64
	// Keep is the number of renamed files to keep, 0 or more.
	Keep int
}

// backend returns the file backend with these settings.
func (f *FileConfig) backend(flags settings.Prefix) Backend {
	return Backend{
		Name:          "file",
		RegisterFlags: f.registerFlags,
		Check:         func(selected bool) error { return f.check(flags, selected) },
		Open: func(_ context.Context, s Settings) (Sink, error) {
			w, err := spanfile.Open(
				spanfile.Config{Path: f.Path, MaxBytes: f.MaxBytes, Keep: f.Keep})
			if err != nil {
				return Sink{}, flags.Invalid("file-path", f.Path,
					fmt.Sprintf("must be a file that can be written to: %v", err))
			}
			return s.Queue(Destination{
				Spool: "file", Address: f.Path, Encode: encoding.AppendJSONLine,
				Send: w.Send, Close: w.Close, InOrder: true,
			})
		},
	}
}

func (f *FileConfig) registerFlags(fs *flag.FlagSet, prefix string) error {
	return settings.Prefix(prefix).Register(fs, func(fs *flag.FlagSet) {
		fs.StringVar(&f.Path, "file-path", f.Path,
			"file for -tracer file: one span a line in Zipkin's v2 JSON")
		fs.Int64Var(&f.MaxBytes, "file-max-bytes", f.MaxBytes,
			"size in bytes at which the file is rotated, 1048576 or more")
		fs.IntVar(&f.Keep, "file-keep", f.Keep, "number of rotated files to keep")
	})
}

func (f *FileConfig) check(flags settings.Prefix, selected bool) error {
	switch {
	case selected && f.Path == "":
		return flags.Invalid("file-path", "", "must not be empty for "+flags.Flag("tracer")+" file")
	case f.MaxBytes < minFileBytes:
		return flags.Invalid("file-max-bytes", f.MaxBytes,
			fmt.Sprintf("must be %d or more", minFileBytes))
	case f.Keep < 0:
		return flags.Invalid("file-keep", f.Keep, "must be 0 or more")
	}
	return nil
}
