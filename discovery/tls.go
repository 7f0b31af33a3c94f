package discovery

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"os"
	"sync"

	"google.golang.org/grpc/credentials"
)

// A tlsSource reads the TLS settings of connections to etcd from files, again for each connection
// whose files have changed. Files that cannot be read, or have no valid content, do not replace the
// last valid ones: they may be half written.
type tlsSource struct {
	config Config
	log    *slog.Logger

	mu       sync.Mutex
	contents [][]byte    // of the files that current was made of
	current  *tls.Config // not changed any more
	invalid  bool        // a failure was logged, and no success since
}

// newTLSSource returns an error of a setting if a file is not valid.
func newTLSSource(c Config, log *slog.Logger) (*tlsSource, error) {
	s := &tlsSource{config: c, log: log}
	if err := s.load(); err != nil {
		return nil, err
	}
	return s, nil
}

// get returns the configuration of a new connection.
func (s *tlsSource) get() *tls.Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.load()
	if err != nil && !s.invalid {
		s.log.Warn("cannot read TLS files, using the former ones", "err", err)
	}
	if err == nil && s.invalid {
		s.log.Info("TLS files are valid again")
	}
	s.invalid = err != nil
	return s.current
}

// load sets current if the files have changed.
func (s *tlsSource) load() error {
	c := &s.config
	contents := make([][]byte, 3)
	for n, f := range []struct{ flag, path string }{
		{"etcd-ca", c.CA}, {"etcd-cert", c.Cert}, {"etcd-key", c.Key},
	} {
		if f.path == "" {
			continue
		}
		var err error
		if contents[n], err = os.ReadFile(f.path); err != nil {
			return c.invalid(f.flag, quote(f.path), "must be a file that can be read: "+err.Error())
		}
	}
	unchanged := func(a, b [][]byte) bool {
		return bytes.Equal(a[0], b[0]) && bytes.Equal(a[1], b[1]) && bytes.Equal(a[2], b[2])
	}
	if s.current != nil && unchanged(contents, s.contents) {
		return nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CA != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(contents[0]) {
			return c.invalid("etcd-ca", quote(c.CA), "must contain a certificate in PEM format")
		}
	}
	if c.Cert != "" {
		pair, err := tls.X509KeyPair(contents[1], contents[2])
		if err != nil {
			return c.invalid("etcd-cert", quote(c.Cert),
				"must be a certificate in PEM format with its key in -"+c.flagPrefix+"etcd-key: "+
					err.Error())
		}
		config.Certificates = []tls.Certificate{pair}
	}
	s.contents, s.current = contents, config
	return nil
}

// tlsCredentials are transport credentials that take their configuration from a source.
type tlsCredentials struct {
	credentials.TransportCredentials // for all but the handshake
	source                           *tlsSource
}

func newTLSCredentials(s *tlsSource) tlsCredentials {
	return tlsCredentials{credentials.NewTLS(s.get()), s}
}

// ClientHandshake implements [credentials.TransportCredentials].
func (t tlsCredentials) ClientHandshake(
	ctx context.Context, authority string, raw net.Conn,
) (net.Conn, credentials.AuthInfo, error) {
	return credentials.NewTLS(t.source.get()).ClientHandshake(ctx, authority, raw)
}

// Clone implements [credentials.TransportCredentials].
func (t tlsCredentials) Clone() credentials.TransportCredentials {
	return tlsCredentials{t.TransportCredentials.Clone(), t.source}
}
