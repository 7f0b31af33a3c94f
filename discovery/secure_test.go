package discovery_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"

	"bookservice/discovery"
	"bookservice/discovery/discoverytest"
	"bookservice/discovery/internal/testkit"
)

// An authority issues certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// newAuthority creates an authority and writes its certificate to a file.
func newAuthority(t *testing.T, file string) *authority {
	t.Helper()
	a := &authority{}
	a.cert, a.key = a.issue(t, "test authority", file, "")
	return a
}

// issue writes a certificate for clients and for servers on 127.0.0.1, and its key. The first one
// that an authority issues is its own.
func (a *authority) issue(
	t *testing.T, name, certFile, keyFile string,
) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	usage := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(time.Now().UnixNano()),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           usage,
		BasicConstraintsValid: true,
		IsCA:                  a.cert == nil,
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	parent, signer := template, key
	if a.cert != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, certFile, "CERTIFICATE", der)
	if keyFile != "" {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		writePEM(t, keyFile, "PRIVATE KEY", der)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil && keyFile == "" {
		t.Fatal(err)
	}
	return cert, key
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	write(t, file, string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})))
}

// write replaces a file at once.
func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

// A secureEtcd is an etcd with TLS, client certificates and authentication. Its user "books" may
// read and write /services/.
type secureEtcd struct {
	dir      string // of the PEM files and the data
	address  string
	password string // of all users
	start    func()
	stop     func()
}

func (s *secureEtcd) file(name string) string { return filepath.Join(s.dir, name) }

// startSecureEtcd starts an embedded etcd, or the installed one as startEtcd does.
func startSecureEtcd(t *testing.T) *secureEtcd {
	t.Helper()
	s := &secureEtcd{dir: t.TempDir(), password: "s3cret of etcd"}
	s.issueAll(t)
	write(t, s.file("password"), s.password+"\n")
	if isInstalled(t) {
		s.startProcess(t)
	} else {
		s.startEmbedded(t)
	}
	s.enableAuth(t)
	return s
}

// issueAll replaces the authority and all certificates.
func (s *secureEtcd) issueAll(t *testing.T) {
	t.Helper()
	a := newAuthority(t, s.file("ca.pem"))
	a.issue(t, "etcd", s.file("etcd.pem"), s.file("etcd.key"))
	a.issue(t, "client", s.file("client.pem"), s.file("client.key"))
}

func (s *secureEtcd) startProcess(t *testing.T) {
	t.Helper()
	processes := startProcesses(t, 1, "--client-cert-auth", "--bcrypt-cost", "4",
		"--trusted-ca-file", s.file("ca.pem"),
		"--cert-file", s.file("etcd.pem"), "--key-file", s.file("etcd.key"))
	s.address, s.stop = processes.Endpoints()[0], processes.Stop
	s.start = func() {
		if err := processes.Restart(testkit.Context(t, limit), true); err != nil {
			t.Fatal(err)
		}
	}
}

func (s *secureEtcd) startEmbedded(t *testing.T) {
	t.Helper()
	s.address = testkit.FreeAddr(t)
	c := s.embedConfig(testkit.FreeAddr(t))
	var running *embed.Etcd
	s.start = func() {
		testkit.Eventually(t, "etcd starts", func() bool { // the port may be in use for a moment
			var err error
			running, err = embed.StartEtcd(c)
			return err == nil
		})
		select {
		case <-running.Server.ReadyNotify():
		case <-time.After(limit):
			t.Fatal("etcd is not ready")
		}
	}
	s.stop = func() {
		if running != nil {
			running.Server.HardStop()
			running.Close()
			running = nil
		}
	}
	s.start()
	t.Cleanup(s.stop)
}

func (s *secureEtcd) embedConfig(peer string) *embed.Config {
	c := embed.NewConfig()
	c.Dir = filepath.Join(s.dir, "data")
	c.ListenClientUrls = []url.URL{{Scheme: "https", Host: s.address}}
	c.AdvertiseClientUrls = c.ListenClientUrls
	c.ListenPeerUrls = []url.URL{{Scheme: "http", Host: peer}}
	c.AdvertisePeerUrls = c.ListenPeerUrls
	c.InitialCluster = "default=http://" + peer
	c.ClientTLSInfo = transport.TLSInfo{
		CertFile:       s.file("etcd.pem"),
		KeyFile:        s.file("etcd.key"),
		TrustedCAFile:  s.file("ca.pem"),
		ClientCertAuth: true,
	}
	c.UnsafeNoFsync = true
	c.BcryptCost = 4
	c.EnableGRPCGateway = false
	c.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.NewNop())
	return c
}

// client returns an etcd client of the user root, or without a user.
func (s *secureEtcd) client(t *testing.T, user string) *clientv3.Client {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(s.file("client.pem"), s.file("client.key"))
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(s.file("ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	c := clientv3.Config{
		Endpoints: []string{"https://" + s.address},
		TLS:       &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: pool},
		Logger:    zap.NewNop(),
		Username:  user,
	}
	if user != "" {
		c.Password = s.password
	}
	client, err := clientv3.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func (s *secureEtcd) enableAuth(t *testing.T) {
	t.Helper()
	ctx, client := testkit.Context(t, limit), s.client(t, "")
	defer client.Close()
	var errs []error
	check := func(_ any, err error) { errs = append(errs, err) }
	check(client.UserAdd(ctx, "root", s.password))
	check(client.UserGrantRole(ctx, "root", "root"))
	check(client.RoleAdd(ctx, "services"))
	check(client.RoleGrantPermission(ctx, "services", "/services/",
		clientv3.GetPrefixRangeEnd("/services/"), clientv3.PermissionType(clientv3.PermReadWrite)))
	check(client.UserAdd(ctx, "books", s.password))
	check(client.UserGrantRole(ctx, "books", "services"))
	check(client.AuthEnable(ctx))
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func (s *secureEtcd) config() discovery.Config {
	c := config("https://" + s.address)
	c.CA, c.Cert, c.Key = s.file("ca.pem"), s.file("client.pem"), s.file("client.key")
	c.User, c.PasswordFile = "books", s.file("password")
	return c
}

// registered reports whether addr is registered.
func (s *secureEtcd) registered(t *testing.T, addr string) bool {
	t.Helper()
	client := s.client(t, "root")
	defer client.Close()
	resp, err := client.Get(testkit.Context(t, limit), key(addr))
	if err != nil {
		t.Fatal(err)
	}
	return len(resp.Kvs) == 1 && string(resp.Kvs[0].Value) == addr
}

func TestEtcdWithTLSAndAuthentication(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	s := startSecureEtcd(t)
	withPassword := s.config()
	withPassword.Password, withPassword.PasswordFile = s.password, ""
	servers, clients := open(t, s.config()), open(t, withPassword)
	a := register(t, servers, addrA)
	f := discoverytest.Follow(t, instancer(t, clients))
	f.WaitFor(t, limit, addrA)
	if !s.registered(t, addrA) {
		t.Error("have no key after Register")
	}
	b := register(t, servers, addrB)
	f.WaitFor(t, limit, addrA, addrB)
	deregister(t, b)
	f.WaitFor(t, limit, addrA)

	// The tokens of etcd are lost in a restart.
	for range 2 {
		s.stop()
		_ = f.WaitForError(t, limit)
		s.start()
		f.WaitFor(t, limit, addrA)
		register(t, servers, addrB)
		f.WaitFor(t, limit, addrA, addrB)
		deregister(t, b)
		f.WaitFor(t, limit, addrA)
	}

	// All certificates and the password are replaced.
	s.issueAll(t)
	write(t, s.file("password"), "another s3cret")
	s.stop()
	_ = f.WaitForError(t, limit)
	s.start()
	client := s.client(t, "root")
	_, err := client.UserChangePassword(testkit.Context(t, limit), "books", "another s3cret")
	client.Close()
	if err != nil {
		t.Fatal(err)
	}
	testkit.EventuallyWithin(t, 3*ttl+slack, "the registration is restored", func() bool {
		return s.registered(t, addrA)
	})
	register(t, servers, addrB)
	deregister(t, b)
	deregister(t, a)
	if s.registered(t, addrA) {
		t.Error("have a key after Deregister, want none")
	}
}

func TestFailureOfRegisterSaysWhatIsWrongWithCredentials(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	s := startSecureEtcd(t)
	newAuthority(t, s.file("other-ca.pem"))
	write(t, s.file("other-password"), "wrong")
	for _, test := range []struct {
		name   string
		change func(c *discovery.Config)
		want   string
	}{
		{"other authority", func(c *discovery.Config) { c.CA = s.file("other-ca.pem") },
			"certificate signed by unknown authority"},
		{"no client certificate", func(c *discovery.Config) { c.Cert, c.Key = "", "" },
			"certificate required"}, // or the end of the connection, see below
		{"no TLS", func(c *discovery.Config) {
			c.Etcd, c.CA, c.Cert, c.Key = []string{s.address}, "", "", ""
		}, "possibly because etcd requires https://"},
		{"wrong password", func(c *discovery.Config) { c.PasswordFile = s.file("other-password") },
			"authentication failed"},
		{"no user", func(c *discovery.Config) { c.User, c.PasswordFile = "", "" },
			"permission denied"}, // of the user that the certificate names
		{"other prefix", func(c *discovery.Config) { c.Prefix = "/other/" }, "permission denied"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := s.config()
			test.change(&c)
			err := open(t, c).Registrar("", addrA).Register(testkit.Context(t, 3*time.Second))
			if err == nil {
				t.Fatal("have no error, want one")
			}
			text := strings.NewReplacer("broken pipe", "certificate required",
				"connection reset by peer", "certificate required",
				"tls: bad certificate", "certificate required", // of etcd 3.4
			).Replace(err.Error())
			if !strings.Contains(text, test.want) {
				t.Errorf("have %v, want %q in it", err, test.want)
			}
			if test.name != "no TLS" && strings.Contains(text, "because etcd") {
				t.Errorf("have %v, want no guess", err)
			}
		})
	}
}

// A setting is checked before anything is sent.
func TestFilesOfTLSAreCheckedByOpen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	newAuthority(t, file("ca.pem")).issue(t, "client", file("client.pem"), file("client.key"))
	write(t, file("empty"), "")
	for _, test := range []struct {
		name, setting string
		change        func(c *discovery.Config)
	}{
		{"missing CA", "etcd-ca", func(c *discovery.Config) { c.CA = file("none") }},
		{"empty CA", "etcd-ca", func(c *discovery.Config) { c.CA = file("empty") }},
		{"missing key", "etcd-key", func(c *discovery.Config) {
			c.Cert, c.Key = file("client.pem"), file("none")
		}},
		{"wrong key", "etcd-cert", func(c *discovery.Config) {
			c.Cert, c.Key = file("client.pem"), file("ca.pem")
		}},
		{"missing password", "etcd-password-file", func(c *discovery.Config) {
			c.User, c.PasswordFile = "u", file("none")
		}},
	} {
		c := config("https://127.0.0.1:1")
		test.change(&c)
		_, err := discovery.Open(context.Background(), c)
		var setting interface{ Setting() string }
		if !errors.As(err, &setting) || setting.Setting() != test.setting {
			t.Errorf("%s: have %v, want an error of -%s", test.name, err, test.setting)
		}
	}
}
