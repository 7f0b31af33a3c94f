package testkit

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
)

// A Rotation is the TLS files of a client, and the configuration of a server that trusts no other
// client, from one authority after another.
type Rotation struct {
	// CA, Cert and Key are the client's files.
	CA, Cert, Key string

	server atomic.Pointer[tls.Config]
}

// NewRotation returns a rotation with files of a first authority in a temporary folder.
func NewRotation(t testing.TB) *Rotation {
	t.Helper()
	folder := t.TempDir()
	r := &Rotation{
		CA: filepath.Join(folder, "ca"), Cert: filepath.Join(folder, "cert"),
		Key: filepath.Join(folder, "key"),
	}
	r.Rotate(t)
	return r
}

// Rotate replaces the contents of the files, and what the server uses for further connections, by
// those of another authority.
func (r *Rotation) Rotate(t testing.TB) {
	t.Helper()
	a := NewAuthority(t)
	r.server.Store(a.ServerTLS(t))
	cert, key := a.Issue(t, "client")
	for from, to := range map[string]string{a.CA: r.CA, cert: r.Cert, key: r.Key} {
		content, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(to, content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// ServerTLS returns the configuration of the server. It requires a client certificate of the
// authority whose turn it is. protos are the protocols that it offers (ALPN).
func (r *Rotation) ServerTLS(protos ...string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: protos,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			config := r.server.Load().Clone()
			config.NextProtos = protos
			return config, nil
		},
	}
}

// Damage makes the files of the certificate and the key unusable. The server does not change.
func (r *Rotation) Damage(t testing.TB) {
	t.Helper()
	for _, file := range []string{r.Cert, r.Key} {
		if err := os.WriteFile(file, []byte("damaged"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
