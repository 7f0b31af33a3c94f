package testkit

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// An Authority issues certificates for 127.0.0.1 and collector.test that are valid for an hour.
type Authority struct {
	// CA is the PEM file with the authority's certificate.
	CA string

	folder string
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
	serial int64
}

// NewAuthority returns an authority with files in a temporary folder.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{folder: t.TempDir()}
	a.cert, a.key = a.sign(t, "ca", &x509.Certificate{IsCA: true, BasicConstraintsValid: true})
	a.CA = a.path("ca.pem")
	return a
}

func (a *Authority) path(name string) string { return filepath.Join(a.folder, name) }

// Issue issues a certificate for clients and servers, and returns its PEM files. A name that was
// issued before is issued anew.
func (a *Authority) Issue(t testing.TB, name string) (certFile, keyFile string) {
	t.Helper()
	a.sign(t, name, &x509.Certificate{
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		DNSNames:    []string{"collector.test"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
	return a.path(name + ".pem"), a.path(name + ".key")
}

// Pool returns a pool with the authority's certificate.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// Pair issues a certificate and loads it.
func (a *Authority) Pair(t testing.TB, name string) tls.Certificate {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(a.Issue(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// ServerTLS returns the configuration of a server that requires a client certificate of the same
// authority.
func (a *Authority) ServerTLS(t testing.TB) *tls.Config {
	t.Helper()
	return &tls.Config{
		Certificates: []tls.Certificate{a.Pair(t, "server")},
		ClientCAs:    a.Pool(), ClientAuth: tls.RequireAndVerifyClientCert,
	}
}

// sign writes name.pem and name.key.
func (a *Authority) sign(
	t testing.TB, name string, template *x509.Certificate,
) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a.serial++
	template.SerialNumber, template.NotAfter = big.NewInt(a.serial), time.Now().Add(time.Hour)
	parent, parentKey := cmp.Or(a.cert, template), cmp.Or(a.key, key)
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	a.write(t, name+".pem", pem.Block{Type: "CERTIFICATE", Bytes: der})
	a.write(t, name+".key", pem.Block{Type: "PRIVATE KEY", Bytes: private})
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

func (a *Authority) write(t testing.TB, name string, block pem.Block) {
	t.Helper()
	if err := os.WriteFile(a.path(name), pem.EncodeToMemory(&block), 0o600); err != nil {
		t.Fatal(err)
	}
}
