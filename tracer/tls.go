package tracer

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

// tlsFiles are PEM files, and the settings that name them. Empty ones are left out.
type tlsFiles struct {
	ca, cert, key                      string
	caSetting, certSetting, keySetting string
}

// config reads the files. The error is one line that names setting and file.
func (f tlsFiles) config() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.ca != "" {
		pem, err := os.ReadFile(f.ca)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.caSetting, err)
		}
		if c.RootCAs = x509.NewCertPool(); !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: no certificate in %s", f.caSetting, f.ca)
		}
	}
	if f.cert != "" && f.key != "" {
		pair, err := tls.LoadX509KeyPair(f.cert, f.key)
		if err != nil {
			return nil, fmt.Errorf("%s %s and %s %s: %w", f.certSetting, f.cert, f.keySetting, f.key, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
