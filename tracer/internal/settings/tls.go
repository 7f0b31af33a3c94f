package settings

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"
)

// TLSFiles are PEM files. An empty path means none.
type TLSFiles struct {
	CA   File // certificates to verify the peer with; without it, those of the system
	Cert File // client certificate
	Key  File // private key of Cert
}

// A File is the value of a setting that names a file.
type File struct {
	Name Name
	Path string
}

// Check returns an error if only one of Cert and Key is set. It does not read the files.
func (f TLSFiles) Check() error {
	switch {
	case f.Cert.Path != "" && f.Key.Path == "":
		return f.Key.Name.Invalid("", "must be set if "+f.Cert.Name.String()+" is set")
	case f.Key.Path != "" && f.Cert.Path == "":
		return f.Cert.Name.Invalid("", "must be set if "+f.Key.Name.String()+" is set")
	}
	return nil
}

// Open reads the files. An error names the setting and the file. A certificate without a key is
// ignored. log receives one line about each change that cannot be used; if it is nil, nothing is
// logged.
func (f TLSFiles) Open(log *slog.Logger) (*TLS, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	t := &TLS{log: log, config: &tls.Config{MinVersion: tls.VersionTLS12}}
	if f.CA.Path != "" {
		t.units = append(t.units, &tlsUnit{files: []File{f.CA}, parse: parseRoots})
	}
	if f.Cert.Path != "" && f.Key.Path != "" {
		t.units = append(t.units, &tlsUnit{files: []File{f.Cert, f.Key}, parse: parsePair})
	}
	for _, u := range t.units {
		changed, err := u.update(t.config)
		if err != nil {
			return nil, err
		}
		t.config = changed
	}
	return t, nil
}

// A TLS makes the configurations of TLS clients from files that may change, as those of short-lived
// certificates do. Its methods may be called concurrently.
type TLS struct {
	log *slog.Logger

	mu     sync.Mutex
	units  []*tlsUnit
	config *tls.Config // is replaced, never changed
}

// Config returns the configuration for the next connection, which must not be changed. It is the
// same one until a file changes. Files that have changed are read again. If they cannot be used,
// those that were read before them stay in force.
func (t *TLS) Config() *tls.Config {
	config, problems := t.update()
	for _, err := range problems {
		t.log.Warn("changed TLS files not usable; using the previous ones", "err", err)
	}
	return config
}

func (t *TLS) update() (config *tls.Config, problems []error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, u := range t.units {
		changed, err := u.update(t.config)
		if err == nil {
			t.config, u.problem = changed, ""
		} else if err.Error() != u.problem {
			u.problem = err.Error()
			problems = append(problems, err)
		}
	}
	return t.config, problems
}

// A tlsUnit is a set of files that only make sense together.
type tlsUnit struct {
	files []File
	parse func(files []File, contents [][]byte, to *tls.Config) error

	seen     []os.FileInfo // of files, when they were last read
	readAt   time.Time
	contents [][]byte // when the files were last read
	err      error    // of parse, for contents
	problem  string   // the error that was logged last
}

// update returns the configuration with what is in the files now. It returns the same one if they
// have not changed.
func (u *tlsUnit) update(config *tls.Config) (*tls.Config, error) {
	seen, err := u.stat()
	if err != nil {
		return nil, err
	}
	if u.unchanged(seen) {
		return config, u.err
	}
	readAt := time.Now()
	contents := make([][]byte, len(u.files))
	for i, f := range u.files {
		if contents[i], err = os.ReadFile(f.Path); err != nil {
			return nil, f.unreadable(err)
		}
	}
	u.seen, u.readAt = seen, readAt
	if slices.EqualFunc(contents, u.contents, bytes.Equal) {
		return config, u.err
	}
	changed := config.Clone()
	u.contents, u.err = contents, u.parse(u.files, contents, changed)
	return changed, u.err
}

func (u *tlsUnit) stat() ([]os.FileInfo, error) {
	infos := make([]os.FileInfo, len(u.files))
	for i, f := range u.files {
		var err error
		if infos[i], err = os.Stat(f.Path); err != nil {
			return nil, f.unreadable(err)
		}
	}
	return infos, nil
}

// clockResolution is longer than the steps in which file systems count time. A file may change
// again within a step.
const clockResolution = 2 * time.Second

// unchanged reports whether the files are certainly those that were read.
func (u *tlsUnit) unchanged(now []os.FileInfo) bool {
	return slices.EqualFunc(now, u.seen, func(a, b os.FileInfo) bool {
		return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) &&
			u.readAt.Sub(b.ModTime()) > clockResolution
	})
}

func parseRoots(files []File, contents [][]byte, to *tls.Config) error {
	to.RootCAs = x509.NewCertPool()
	if !to.RootCAs.AppendCertsFromPEM(contents[0]) {
		return files[0].Name.Invalid(files[0].Path, "must contain a certificate in PEM format")
	}
	return nil
}

func parsePair(files []File, contents [][]byte, to *tls.Config) error {
	pair, err := tls.X509KeyPair(contents[0], contents[1])
	if err != nil {
		return files[0].Name.Invalid(files[0].Path,
			"must be a certificate in PEM format with its key in "+files[1].Name.String()+": "+
				err.Error())
	}
	to.Certificates = []tls.Certificate{pair}
	return nil
}

func (f File) unreadable(err error) error {
	if cause, ok := errors.AsType[*os.PathError](err); ok {
		err = cause.Err // without the path, which is the value
	}
	return f.Name.Invalid(f.Path, "must be a readable file: "+err.Error())
}
