package settings

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
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

// Config reads the files. An error names the setting and the file. A certificate without a key is
// ignored.
func (f TLSFiles) Config() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.CA.Path != "" {
		pem, err := f.CA.read()
		if err != nil {
			return nil, err
		}
		if c.RootCAs = x509.NewCertPool(); !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, f.CA.Name.Invalid(f.CA.Path, "must contain a certificate in PEM format")
		}
	}
	if f.Cert.Path == "" || f.Key.Path == "" {
		return c, nil
	}
	cert, err := f.Cert.read()
	if err != nil {
		return nil, err
	}
	key, err := f.Key.read()
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, f.Cert.Name.Invalid(f.Cert.Path,
			"must be a certificate in PEM format with its key in "+f.Key.Name.String()+": "+
				err.Error())
	}
	c.Certificates = []tls.Certificate{pair}
	return c, nil
}

func (f File) read() ([]byte, error) {
	data, err := os.ReadFile(f.Path)
	if cause, ok := errors.AsType[*os.PathError](err); ok {
		err = cause.Err // without the path, which is the value
	}
	if err != nil {
		return nil, f.Name.Invalid(f.Path, "must be a readable file: "+err.Error())
	}
	return data, nil
}
